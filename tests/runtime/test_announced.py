"""Workers of one machine: who runs is found, who is gone is not, and the token is nobody else's to read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stream_app.runtime import announced
from stream_app.runtime.announced import Announced
from stream_app.settings import Settings

WORKER = Announced("http://127.0.0.1:1234", "t" * 20)


def test_a_worker_is_found_while_it_runs(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert announced.running(settings) == []
    with announced.announce(settings, WORKER):
        assert announced.running(settings) == [WORKER]
        assert announced.running(settings, besides=os.getpid()) == []
        assert announced.running(Settings(state_dir=tmp_path, topic_prefix="other-")) == []
        (file,) = announced.directory(settings).iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
    assert announced.running(settings) == []


def test_what_a_killed_worker_left_is_removed_and_what_is_half_written_is_not_read(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    left = announced.directory(settings) / "99999.json"
    left.parent.mkdir(parents=True)
    left.write_text('{"url": "http://127.0.0.1:9", "token": "x"}')
    with announced.announce(settings, WORKER):
        assert announced.running(settings) == [WORKER]
    assert not left.exists()


def test_a_directory_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(state_dir=tmp_path / "file")
    with announced.announce(settings, WORKER):
        assert announced.running(settings) == []


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://[::]:80", "http://[::1]:80"),
        ("http://h:80", "http://h:80"),
    ],
)
def test_who_listens_everywhere_is_reached_on_loopback(url: str, here: str) -> None:
    assert announced.reached_at(url) == here
