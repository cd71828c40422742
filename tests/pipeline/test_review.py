from __future__ import annotations

import json
from typing import Any

from stream_app.core.wire import read_json
from stream_app.pipeline.ports import Effects, Incoming
from stream_app.pipeline.review import ReviewPartition, local_rows
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.pending_rows import PendingRows
from tests.core.test_reviewing import AT, FIRST, HASH, LATER, said
from tests.remembered import clock, packet

DAY = 86_400_000


class Bench:
    """A partition whose commits are made when the test says so."""

    def __init__(self) -> None:
        self.rows = MemoryRows()
        self.stage = ReviewPartition(PendingRows(self.rows), DAY)

    def fold(self, *records: tuple[str, bytes | None], at: int = AT) -> list[Effects]:
        return self.stage.fold(
            [Incoming(topic, 0, number, at, b"call", value) for number, (topic, value) in enumerate(records)]
        )

    def commit(self, done: list[Effects]) -> None:
        for one in done:
            self.rows.write([*one.rows, *one.local])


def sent(done: list[Effects], topic: str) -> list[dict[str, Any]]:
    return [read_json(one.value or b"") for effects in done for one in effects.sends if one.topic == topic]


PACKET = ("packets", FIRST.to_bytes())


def review(word: str, **fields: Any) -> tuple[str, bytes]:
    return "review-recorded", said(word, **fields).to_bytes()


def test_a_packet_becomes_a_task_and_a_decision_moves_it() -> None:
    bench = Bench()
    bench.commit(bench.fold(PACKET))
    done = bench.fold(review("bug"))
    (task,) = sent(done, "review-tasks")
    assert (task["status"], task["outcome"], task["manifestHash"]) == ("reviewed", "bug", HASH)


def test_what_another_lane_has_folded_counts_before_it_is_stored() -> None:
    bench = Bench()
    waiting = bench.fold(PACKET)
    taken = bench.fold(review("take"))
    refused = bench.fold(review("take", reviewer="bob", eventId="second"))
    assert [one["assignee"] for one in sent(taken, "review-tasks")] == ["ann"]
    assert [one["reason"] for one in sent(refused, "dead-letters")] == ["review_refused"]
    for done in (waiting, taken):
        bench.commit(done)
    assert [one["status"] for one in sent(bench.fold(review("bug")), "review-tasks")] == ["reviewed"]


def test_refusals_say_why_and_change_no_row() -> None:
    bench = Bench()
    bench.commit(bench.fold(PACKET))
    document = said("bug").to_dict()
    cases = (
        (review("bug", manifestHash=LATER), "version 1"),
        (("review-recorded", b"{"), "not a readable event"),
        (("review-recorded", json.dumps({**document, "outcome": None}).encode()), "outcome"),
        (("review-recorded", json.dumps({**document, "canonicalCallId": "other"}).encode()), "key"),
    )
    for record, why in cases:
        (effects,) = bench.fold(record)
        (letter,) = sent([effects], "dead-letters")
        assert (letter["reason"], letter["stage"]) == ("review_refused", "review")
        assert why in letter["detail"]
        assert effects.rows == ()


def test_the_lines_clock_makes_tasks_overdue_once_also_after_a_replay() -> None:
    bench = Bench()
    bench.commit(bench.fold(PACKET))
    due = FIRST.review.due_at
    assert sent(bench.fold(("evidence", clock(("a",), due - 1))), "join-alerts") == []
    done = bench.fold(("evidence", clock(("a",), due)), ("evidence", clock(("a",), due + 1)))
    assert [one["kind"] for one in sent(done, "join-alerts")] == ["review_overdue"]
    bench.commit(done)
    again = Bench()
    for one in done:
        for key, row in one.rows:
            assert row is not None
            again.rows.write([(key, row), *local_rows(key, row)])
    assert sent(again.fold(("evidence", clock(("a",), due + DAY))), "join-alerts") == []


def test_a_decided_task_never_falls_due() -> None:
    bench = Bench()
    bench.commit(bench.fold(PACKET))
    bench.commit(bench.fold(review("bug")))
    assert sent(bench.fold(("evidence", clock(("a",), FIRST.review.due_at + DAY))), "join-alerts") == []


def test_a_repeated_packet_and_evidence_that_is_no_clock_change_nothing() -> None:
    bench = Bench()
    bench.commit(bench.fold(PACKET))
    quiet = bench.fold(
        PACKET, ("packets", None), ("evidence", b'{"record":"event"}'), ("evidence", b'"record":"clock"')
    )
    assert [one for effects in quiet for one in effects.sends] == []
    (letter,) = sent(bench.fold(("packets", b"{}")), "dead-letters")
    assert letter["reason"] == "invalid_internal"
    (task,) = sent(bench.fold(("packets", packet("call/2", manifestHash=LATER).to_bytes())), "review-tasks")
    assert task["version"] == 2
