"""Reviews on a real broker: fifty takers of each task, and the stage killed in the middle of it."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from tests.core.test_reviewing import HASH, said
from tests.remembered import packet, packet_record
from tests.scenarios.live import Line
from tests.scenarios.test_recovery import stage_process

CALLS, TAKERS = 6, 50


def taken(call: str, number: int) -> Outgoing:
    """One of the takers."""
    event = said("take", canonicalCallId=call, reviewer=f"r{number}", eventId=f"{call}-t{number}")
    return Outgoing("review-recorded", call.encode(), event.to_bytes())


def test_a_review_falls_due_by_the_lines_time_without_any_event(stack: Endpoints, tmp_path: Path) -> None:
    line = Line(stack, tmp_path)
    line.create()
    try:
        line.start(("intake", "identity", "review"))
        due = packet("late/1", manifestHash=HASH)
        ahead = due.review.model_copy(update={"due_at": time.time_ns() // 1_000_000 + 3_600_000})
        line.publish([packet_record(packet("soon/1", manifestHash=HASH).model_copy(update={"review": ahead}))])
        line.publish([packet_record(due)])
        (alert,) = line.wait("join-alerts", lambda seen: len(seen) >= 1)
        assert (alert["kind"], alert["state"], alert["canonicalCallId"]) == ("review_overdue", "firing", "late")
        firing = {one["canonicalCallId"]: one["firing"] for one in line.read("review-tasks")}
        assert firing == {"late": ["review_overdue"], "soon": []}
    finally:
        line.end()


def test_one_of_fifty_takers_wins_each_task_and_a_killed_stage_says_nothing_twice(
    stack: Endpoints, tmp_path: Path
) -> None:
    line = Line(stack, tmp_path)
    line.create()
    try:
        worker = line.start(("review",))
        calls = [f"call-{number}" for number in range(CALLS)]
        line.publish([packet_record(packet(f"{call}/1", manifestHash=HASH)) for call in calls])
        line.wait("review-tasks", lambda seen: len(seen) >= CALLS)
        attempts = [taken(call, number) for number in range(TAKERS) for call in calls]
        half = len(attempts) // 2
        line.publish(attempts[:half])
        os.kill(stage_process(worker, "review"), signal.SIGKILL)
        line.publish(attempts[half:])
        refused = CALLS * (TAKERS - 1)
        letters = line.wait("dead-letters", lambda seen: len(seen) >= refused, within_s=60)
        assert {letter["reason"] for letter in letters} == {"review_refused"}
        assert len({(one["position"]["partition"], one["position"]["offset"]) for one in letters}) == refused
        assert len(letters) == refused
        done = said("bug", reviewer="r0")
        line.publish(
            [
                Outgoing(
                    "review-recorded",
                    call.encode(),
                    done.model_copy(update={"canonical_call_id": call, "event_id": f"{call}-done"}).to_bytes(),
                )
                for call in calls
            ]
        )
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in line.wait("review-tasks", lambda seen: len(seen) >= 3 * CALLS):
            told[one["canonicalCallId"]].append(one)
        assert {call: [one["revision"] for one in of_call] for call, of_call in told.items()} == {
            call: [1, 2, 3] for call in calls
        }
        assert {of_call[1]["assignee"] for of_call in told.values()} == {"r0"}
        assert {of_call[2]["outcome"] for of_call in told.values()} == {"bug"}
    finally:
        line.end()
