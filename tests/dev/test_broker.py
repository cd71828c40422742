"""The broker's configuration: loopback only, and every row of the table."""

from __future__ import annotations

from pathlib import Path

from stream_app.dev import broker
from stream_app.dev.parts import BROKER_SETTINGS, HEAP_MEGABYTES

_PORTS = {"broker": 20001, "controller": 20002}


def _settings(root: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in broker.server_properties(root, _PORTS).splitlines())


def test_every_row_of_the_table_is_set(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert dict(BROKER_SETTINGS).items() <= settings.items()
    assert settings["auto.create.topics.enable"] == "false"


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert settings["log.dirs"] == str(tmp_path / "data")


def test_a_backslash_in_the_directory_is_escaped(tmp_path: Path) -> None:
    assert _settings(tmp_path / "a\\b")["log.dirs"] == str(tmp_path / "a\\\\b" / "data")


def test_formatted_is_what_carries_an_identity(tmp_path: Path) -> None:
    assert not broker.is_formatted(tmp_path)
    (tmp_path / "data").mkdir()
    assert not broker.is_formatted(tmp_path)
    (tmp_path / "data" / "meta.properties").touch()
    assert broker.is_formatted(tmp_path)


def test_cluster_ids_are_new_and_never_look_like_an_option(tmp_path: Path) -> None:
    commands = [broker.format_command(tmp_path, []) for _ in range(300)]
    ids = [command[command.index("--cluster-id") + 1] for command in commands]
    assert len(set(ids)) == 300
    assert all(len(one) == 22 and not one.startswith("-") for one in ids)


def test_the_heap_is_bounded(tmp_path: Path) -> None:
    command = broker.start_command(tmp_path, [Path("/a.jar"), Path("/b.jar")])
    assert f"-Xmx{HEAP_MEGABYTES}m" in command
    assert command[command.index("-cp") + 1] == "/a.jar:/b.jar"
