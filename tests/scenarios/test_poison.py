"""A producer that goes bad: its partition is paused, the others go on, a command lets it go on, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def refused(letters: list[dict[str, Any]]) -> list[int]:
    """Offsets that were refused, each once: on a machine that is busy enough for the group to take its only member for
    dead, intake's letters may come twice."""
    return sorted({letter["position"]["offset"] for letter in letters})


def test_a_poisoned_partition_is_paused_and_read_on_by_command(line: Line) -> None:
    garbage = [Outgoing("tool-call", b"k", b"not json %d" % number, partition=0) for number in range(GARBAGE)]
    line.publish(garbage)
    line.wait("dead-letters", lambda found: len(refused(found)) >= LIMIT)
    time.sleep(3)
    assert refused(line.read("dead-letters")) == list(range(LIMIT)), "a letter each up to the limit, none behind it"

    listed = command(line, "partitions", "list")
    assert listed.returncode == 1
    assert f"tool-call/0  paused at offset {LIMIT}" in listed.stdout

    # Others go on, the same topic's other partitions too.
    line.publish([Outgoing("tool-call", b"k", write_json(stories.tool()), partition=1)])
    line.wait("evidence", lambda found: any(one.get("record") == "event" for one in found))
    assert len(refused(line.read("dead-letters"))) == LIMIT

    assert command(line, "partitions", "resume", "tool-call/0").returncode == 0
    line.wait("dead-letters", lambda found: len(refused(found)) >= GARBAGE)
    assert refused(line.read("dead-letters")) == list(range(GARBAGE)), "none lost"
    assert command(line, "partitions", "list").returncode == 0
