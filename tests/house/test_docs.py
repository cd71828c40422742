"""Pages: generated ones are fresh, the requirements map leaves nothing out, shown commands exist, links resolve."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
import pytest

from tests.house import commands, rules
from tools import docs, fresh, reference, requirements
from tools.requirements_map import GROUPS, ROWS

ROOT = rules.ROOT
RUNBOOK = ROOT / ".." / "shared" / "design" / "runbook.txt"
PAGES = sorted(path for path in rules.tracked() if path.suffix == ".md")


def test_generated_pages_are_fresh() -> None:
    # A process of its own: click keeps the help option that the first test to ask a command for help gave it.
    command = [sys.executable, "-m", "tools.docs", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_stale_page_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = docs.files()
    fresh.write(files, tmp_path)
    (tmp_path / "docs" / "requirements.md").write_text("# Requirements: all done\n", encoding="utf-8")
    assert fresh.run(files, check=True, pattern="docs/generated/*.md", command="make docs", root=tmp_path) == 1
    assert capsys.readouterr().out == "docs/requirements.md is stale: run `make docs`\n"


def test_the_requirements_map_names_only_what_exists() -> None:
    assert requirements.problems(ROWS) == []
    assert [key for key, count in Counter((row.group, row.name) for row in ROWS).items() if count > 1] == []
    assert tuple(dict.fromkeys(row.group for row in ROWS)) == GROUPS


def test_a_row_that_names_what_is_not_there_is_found() -> None:
    row = requirements.Row(
        "Packet fields", "x", "Held.", ("stream_app.core.packet:Packet.packet_id",), ("tests/house/test_docs.py",)
    )
    assert requirements.problems([row]) == []
    for code in (
        "stream_app.core.packet:Packet.nothing",
        "stream_app.core.nowhere:Packet",
        "stream_app.core.packet:No",
    ):
        assert requirements.problems([replace(row, code=(code,))]) == [f"Packet fields / x: there is no {code}"]
    gone = "tests/house/test_docs.py::test_nothing"
    assert requirements.problems([replace(row, tests=(gone,))]) == [f"Packet fields / x: there is no test {gone}"]
    assert "no code and test, and no issue" in requirements.problems([replace(row, code=(), tests=())])[0]
    assert "code without a test" in requirements.problems([replace(row, tests=(), issue=6)])[0]
    assert requirements.problems([replace(row, code=(), tests=(), issue=6)]) == []


def runbook() -> str:
    if not RUNBOOK.is_file():
        pytest.skip("no ../shared/design/runbook.txt: that text is not part of this checkout")
    return RUNBOOK.read_text(encoding="utf-8")


def table(text: str, first_header: str) -> list[str]:
    """First cells of the runbook's table whose head begins so."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {first_header} |"):
            break
    next(lines)
    names = []
    for line in lines:
        if "|" not in line:
            break
        names.append(line.removeprefix("|").split("|")[0].strip())
    return names


def bullets(text: str, heading: str) -> int:
    """Number of list items that follow the line `heading`."""
    count = 0
    for line in text.split(f"\n{heading}\n", 1)[1].splitlines():
        # One item of the original wraps and swallows the next: `…review. - Retention class…`.
        if not line.startswith("- ") and ". - " not in line and line.endswith("."):
            break
        count += len(re.findall(r"(?:^|\. )- ", line))
    return count


def leaves(node: object, path: str = "") -> list[str]:
    """Paths of the manifest sample's fields."""
    if not isinstance(node, dict):
        return [path]
    return [leaf for key, value in node.items() for leaf in leaves(value, f"{path}.{key}" if path else key)]


def named(group: str) -> list[str]:
    return [row.name for row in ROWS if row.group == group]


@pytest.mark.parametrize(
    ("group", "head"),
    [
        ("Packet fields", "Field"),
        ("Selection reasons", "Selection Reason"),
        ("Source systems", "Source System"),
        ("Export levels", "Export Level"),
        ("Quality gates", "Gate"),
    ],
)
def test_every_table_row_of_the_runbook_has_its_row(group: str, head: str) -> None:
    assert named(group) == table(runbook(), head)


def test_every_step_of_the_runbook_has_its_row() -> None:
    assert named("Steps") == [re.sub(r"^\d+\. ", "", step) for step in table(runbook(), "Step")]
    assert len(named("Steps")) == 9


def test_every_field_of_the_manifest_sample_has_its_row() -> None:
    text = runbook()
    sample, _ = json.JSONDecoder().raw_decode(text[text.index('{\n"canonicalCallId"') :])
    assert named("Manifest sample") == leaves(sample)


@pytest.mark.parametrize(
    ("group", "heading"),
    [
        ("What not to export", "Avoid exporting:"),
        ("Hand-off checklist", "Before a packet leaves the export job, verify:"),
        ("Uses", "Use Hamming when you need to:"),
    ],
)
def test_every_list_item_of_the_runbook_has_its_row(group: str, heading: str) -> None:
    assert len(named(group)) == bullets(runbook(), heading) > 4


def test_every_rule_and_question_of_the_runbook_has_its_row() -> None:
    text = runbook()
    stated = [name for name in ("Export rule", "Manifest rule", "Reviewer-safe export") if f"\n{name}: " in text]
    assert named("Rules") == stated
    questions = re.search(r"\nManifest rule: [^:]*: (.*)\.\n", text)
    assert questions is not None
    asked = re.split(r", (?:and )?", questions.group(1))
    assert len(named("Manifest questions")) == len(asked) == 4


def makefile_targets() -> set[str]:
    return rules.make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def group() -> click.Group:
    found = reference.command_group()
    assert isinstance(found, click.Group)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_that_pages_show_exist(path: Path) -> None:
    lines = rules.code_blocks(path.read_text(encoding="utf-8"))
    assert commands.problems(lines, makefile_targets(), group()) == []


def test_a_command_that_does_not_exist_is_found() -> None:
    @click.group()
    def cli() -> None:
        """Top."""

    @cli.command()
    @click.option("--from-beginning", is_flag=True)
    def tail(from_beginning: bool) -> None:
        """Tail."""

    text = (
        "```sh\nmake demo  # first\n$ make demmo CALLS=3\nstream-app tail --from-beginning | head\n"
        "stream-app tail --reverse\nX=1 stream-app head\nsudo reboot\n```\n```json\nmake nothing\n```\n"
    )
    assert commands.problems(rules.code_blocks(text), {"demo"}, cli) == [
        "make demmo CALLS=3: no make target demmo",
        "stream-app tail --reverse: stream-app tail has no option --reverse",
        "X=1 stream-app head: stream-app has no command head",
        "sudo reboot: neither make nor stream-app nor a known program",
    ]


def test_readme_shows_the_two_commands_first() -> None:
    lines = rules.code_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert lines[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_resolve(path: Path) -> None:
    broken = [
        link for link in rules.relative_links(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()
    ]
    assert broken == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    links = rules.relative_links("[a](gone.md#x) [b](https://example.org/y) [c](#z)\n```\n[d](code.md)\n```\n")
    assert links == ["gone.md"]
    assert not (tmp_path / links[0]).exists()
