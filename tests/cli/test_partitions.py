"""`stream-app partitions` as a user meets it, on the real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from stream_app.dev.state import Endpoints
from stream_app.topics import CALL_ENDED, PARTITION_STATES
from tests.deployments import Deployment, deployment

pytestmark = pytest.mark.real


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(PARTITION_STATES.name, CALL_ENDED.name)) as made:
        yield made


def test_pause_list_and_resume(line: Deployment) -> None:
    nothing = line.run("partitions", "list")
    assert (nothing.returncode, nothing.stdout) == (0, "no input partition is paused\n")

    paused = line.run("partitions", "pause", "call-ended/1", "--reason", "producer 7 is broken")
    assert paused.returncode == 0, paused.stderr
    assert "call-ended/1: paused" in paused.stdout
    assert "already" in line.run("partitions", "pause", "call-ended/1").stdout

    shown = line.run("partitions", "list", "--json")
    assert shown.returncode == 1
    (state,) = json.loads(shown.stdout)
    assert (state["source"], state["by"], state["reason"]) == ("call-ended/1", "operator", "producer 7 is broken")
    assert "stream-app partitions resume" in line.run("partitions", "list").stdout

    assert line.run("partitions", "resume", "call-ended/1").returncode == 0
    assert line.run("partitions", "list").returncode == 0


@pytest.mark.parametrize("source", ["call-ended", "call-ended/x", "packets/0", "call-ended/99", "/1"])
def test_what_is_no_input_partition_is_refused(line: Deployment, source: str) -> None:
    refused = line.run("partitions", "pause", source)
    assert refused.returncode == 2
    assert "TOPIC/PARTITION" in refused.stderr
