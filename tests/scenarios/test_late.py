"""Late evidence on a real line: one new version after the settling time, with what it replaces and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.dev.state import Endpoints
from stream_app.runtime.audit import accounting, matching
from tests import stories
from tests.scenarios.scene import Scene, failing, now_ms, whole

TIMING = {"deadline": "4s", "soft": "[2s]", "toolSettle": "500ms", "settling": "2s"}
CALLS = 4
RESENT = 50


@pytest.fixture
def scene(stack: Endpoints, tmp_path: Path) -> Iterator[Scene]:
    live = Scene(stack, tmp_path, TIMING)
    live.create()
    live.put_transcript()
    try:
        live.start()
        yield live
    finally:
        live.end()


def versions(packets: list[dict[str, Any]], call: str) -> list[dict[str, Any]]:
    """The packets of one call, by version."""
    return sorted((one for one in packets if one["canonicalCallId"] == call), key=lambda one: int(one["version"]))


def test_late_evidence_makes_one_new_version_and_repeats_make_none(scene: Scene) -> None:
    end = now_ms()
    # Three calls are complete at once, of the fourth much does not come in time.
    events = [event for number in range(3) for event in whole(number, end)] + failing(3, end)
    scene.publish_events(events)
    first = scene.wait("packets", lambda seen: len(seen) == CALLS)
    assert [versions(first, f"call-{number}")[0]["status"] for number in range(CALLS)] == [
        *["complete"] * 3,
        "incomplete",
    ]

    late = [
        # A burst of five: one version, not five.
        *(stories.artifact("log", f"call-0-log-{number}", call="call-0", at=end) for number in range(5)),
        # A stronger reason than the evaluation's.
        stories.event("call-reported", "call-1-report", call="call-1", at=now_ms(), channel="phone"),
        # Another content under an event ID that was used.
        stories.evaluation("call-2-judged", call="call-2", at=end, failed=True, score=0.25),
        # What was missing at the deadline.
        stories.evaluation("call-3-judged", call="call-3", at=end),
        stories.trace("call-3-traced", call="call-3", at=end),
        stories.artifact(
            "transcript", "call-3-transcript", call="call-3", at=end, reference=stories.reference("transcript.json")
        ),
    ]
    published = now_ms()
    scene.publish_events(late)
    with scene.watching("packets") as seen:
        seen.await_count(2 * CALLS, 40)
    arrived = {one["packetId"]: at - published for at, one in seen.documents()}
    print(
        "\nlate evidence to its new version:", {name: ms for name, ms in arrived.items() if name.endswith("/2")}, "ms"
    )
    time.sleep(4)
    packets = scene.read("packets")
    assert len(packets) == 2 * CALLS
    for number, reason in enumerate(("late_evidence", "higher_reason", "conflict", "late_evidence")):
        before, after = versions(packets, f"call-{number}")
        assert (before["version"], before["supersedes"], after["version"]) == (1, None, 2)
        assert after["supersedes"] == {"version": 1, "manifestHash": before["manifestHash"], "reason": reason}
    second = {number: versions(packets, f"call-{number}")[1] for number in range(CALLS)}
    assert {f"call-0-log-{number}" for number in range(5)} <= {one["eventId"] for one in second[0]["evidence"]}
    assert second[1]["selectionReason"] == "customer_reported"
    assert second[2]["status"] == "blocked"
    assert (second[3]["status"], second[3]["missing"]) == ("complete", [])

    # Every event again and again, early ones and late ones: producers that time out do so.
    for _ in range(RESENT):
        scene.publish_events(events + late)
    # A call after them all shows that they were read, and the settling time passes.
    scene.publish_events(whole(9, now_ms()))
    scene.wait("packets", lambda seen: any(one["canonicalCallId"] == "call-9" for one in seen), within_s=60)
    time.sleep(5)
    packets = scene.read("packets")
    assert len(packets) == 2 * CALLS + 1, "a repeat made a new version"
    assert len(scene.read("seal-orders")) == 2 * CALLS + 1
    account = asyncio.run(accounting(scene.settings))
    assert (account.unaccounted, account.twice) == ([], [])
    match = asyncio.run(matching(scene.settings))
    assert (match.unmarked, match.unsealed, match.repeated) == ([], [], [])


def test_a_new_version_waits_for_the_settling_time(scene: Scene) -> None:
    """Late events come one after the other within it: one version holds them all."""
    end = now_ms()
    scene.publish_events(whole(0, end))
    scene.wait("packets", lambda seen: len(seen) == 1)
    for number in range(3):
        scene.publish_events([stories.artifact("log", f"log-{number}", call="call-0", at=end)])
        assert len(scene.read("packets")) == 1
        time.sleep(0.2)
    packets = scene.wait("packets", lambda seen: len(seen) >= 2)
    time.sleep(3)
    packets = scene.read("packets")
    assert len(packets) == 2
    assert {f"log-{number}" for number in range(3)} <= {one["eventId"] for one in packets[-1]["evidence"]}
