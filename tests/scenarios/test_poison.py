"""A producer that goes bad: its partition is paused, the others go on, a command lets it go on, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.policy_file import default_policy
from tests import stories
from tests.scenarios.live import Line

pytestmark = pytest.mark.real

GARBAGE = 130
LIMIT = 100


@pytest.fixture
def line(stack: Endpoints, tmp_path: Path) -> Iterator[Line]:
    live = Line(stack, tmp_path, default_policy())
    live.create()
    live.start(("intake", "identity", "join"))
    try:
        yield live
    finally:
        live.end()


def command(line: Line, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream_app", *words],
        env={**os.environ, **line.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_poisoned_partition_is_paused_and_read_on_by_command(line: Line) -> None:
    garbage = [Outgoing("tool-call", b"k", b"not json %d" % number, partition=0) for number in range(GARBAGE)]
    line.publish(garbage)
    letters = line.wait("dead-letters", lambda found: len(found) >= LIMIT)
    time.sleep(3)
    letters = line.read("dead-letters")
    assert len(letters) == LIMIT, "one letter each up to the limit, and none behind it"

    listed = command(line, "partitions", "list")
    assert listed.returncode == 1
    assert f"tool-call/0  paused at offset {LIMIT}" in listed.stdout

    # Others go on, the same topic's other partitions too.
    line.publish([Outgoing("tool-call", b"k", write_json(stories.tool()), partition=1)])
    line.wait("evidence", lambda found: any(one.get("record") == "event" for one in found))
    assert len(line.read("dead-letters")) == LIMIT

    line.start(("intake",))  # The group deals the partitions anew.
    assert command(line, "partitions", "resume", "tool-call/0").returncode == 0
    letters = line.wait("dead-letters", lambda found: len(found) >= GARBAGE)
    offsets = sorted(letter["position"]["offset"] for letter in letters)
    assert offsets == list(range(GARBAGE)), "every record once, none lost"
    assert command(line, "partitions", "list").returncode == 0
