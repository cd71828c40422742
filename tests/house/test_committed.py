"""What is committed names no machine's paths and no package registry's hosts, and copies none of the shared data."""

from __future__ import annotations

from tests.house import rules

ALLOWED: tuple[tuple[str, str, str], ...] = (
    (
        "tools/bootstrap.py",
        "pypi.org/" + "simple",
        "pip's own default index, used where nothing else is configured",
    ),
    ("docker-compose.yml", "/" + "opt/kafka/", "a path inside the Kafka image, not on a machine"),
)
"""File, what it may hold, and why."""

BINARY = (".png", ".wav", ".bin", ".gz", ".zip")


def test_no_machine_paths_and_no_registry_hosts() -> None:
    found = []
    for path in rules.tracked():
        if path.suffix in BINARY:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [(path.relative_to(rules.ROOT).as_posix(), place) for place in rules.foreign_places(text)]
    allowed = {(path, place) for path, place, _ in ALLOWED}
    assert [entry for entry in found if entry not in allowed] == []


def test_a_machine_path_and_a_registry_host_are_found() -> None:
    path, host = "/" + "root/.cache/x", "registry." + "npmjs.org"
    assert rules.foreign_places(f"cache = {path!r}") == ["/" + "root/"]
    assert rules.foreign_places(f"https://{host}/leftpad") == ["registry." + "npmjs"]
    assert rules.foreign_places("see ../shared/data and s3://bucket/" + "work/x and docs/how-to/") == []
