"""`stream-app review` as a reviewer meets it, on the real broker with the stage running."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.state import Endpoints
from tests.core.test_reviewing import HASH, LATER
from tests.deployments import AWAY, clean_environment, run
from tests.examples import TRANSCRIPT
from tests.remembered import packet, packet_record
from tests.scenarios.live import Line

TRANSCRIPT_URI = "s3://provider-drop/Redacted/review.json"


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(stack, tmp_path_factory.mktemp("review"))
    live.create()
    try:
        live.start(("review",))
        live.put(TRANSCRIPT_URI, TRANSCRIPT, "application/json")
        fields = {"manifestHash": HASH, "redactedTranscriptUri": TRANSCRIPT_URI}
        live.publish([packet_record(packet(f"{call}/1", **fields)) for call in ("one", "two")])
        live.wait("review-tasks", lambda seen: len(seen) >= 2)
        yield live
    finally:
        live.end()


def review(line: Line, *words: str) -> subprocess.CompletedProcess[str]:
    return run(clean_environment(**line.environment), "review", *words)


def test_a_task_is_listed_taken_and_decided_and_what_is_refused_says_why(line: Line) -> None:
    assert {"one", "two"} <= {
        json.loads(one)["canonicalCallId"] for one in review(line, "list", "--all", "--json").stdout.splitlines()
    }
    taken = review(line, "take", "one", "--reviewer", "ann", "--json")
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["assignee"] == "ann"
    for words, why in (
        (("take", "one", "--reviewer", "bob"), "ann has taken it"),
        (("decide", "one", "bug", "--reviewer", "ann", "--manifest-hash", LATER), "version 1"),
        (("decide", "nobody", "bug", "--reviewer", "ann"), "no review task"),
    ):
        refused = review(line, *words)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    decided = review(line, "decide", "one", "bug", "--reviewer", "ann")
    assert decided.returncode == 0, decided.stderr
    assert " reviewed " in decided.stdout
    assert " one v1 " not in review(line, "list").stdout


def test_a_promoted_packet_becomes_a_file_and_is_written_again_at_will(line: Line, tmp_path: Path) -> None:
    for _ in range(2):
        done = review(line, "promote", "two", "--reviewer", "ann", "--to", str(tmp_path), "--json")
        assert done.returncode == 0, done.stderr
        (file,) = tmp_path.glob("*.json")
        fixture = json.loads(file.read_text())
        assert fixture["manifestHash"] == HASH
        assert fixture["expected"]
        file.unlink()
    (task,) = [one for one in line.read("review-tasks") if one["status"] == "promoted_to_test"]
    assert (task["canonicalCallId"], task["outcome"]) == ("two", "promote_to_regression")


def test_wrong_words_and_a_broker_that_is_away() -> None:
    environment = clean_environment(STREAM_APP_KAFKA_BOOTSTRAP=AWAY, STREAM_APP_REQUEST_TIMEOUT_S="2")
    assert run(environment, "review", "decide", "one", "fine", "--reviewer", "ann").returncode == 2
    assert run(environment, "review", "list").returncode == 3
