from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from stream_app.core.cloud_events import parse
from stream_app.core.instants import parse_instant
from stream_app.demo.convert import LATE_MS, ConvertedCall, convert
from stream_app.demo.generator import generate
from stream_app.demo.replay import EVENTS_PER_S, dated, key_of, play, record_of, schedule
from stream_app.pipeline.ports import Headers

BEGAN_MS = 1_780_000_000_000
SPEED = 50.0


def calls(count: int = 120, seed: int = 3) -> list[ConvertedCall]:
    return [convert(told, seed) for told in generate(count, seed)]


def test_the_schedule_is_the_same_for_the_same_seed_and_different_for_another() -> None:
    made = calls()
    assert schedule(made, SPEED, 1) == schedule(calls(), SPEED, 1)
    assert [one.at_s for one in schedule(made, SPEED, 1)] != [one.at_s for one in schedule(made, SPEED, 2)]


def test_every_event_is_sent_once_in_the_order_of_its_time_and_no_call_before_the_start() -> None:
    made = calls()
    planned = schedule(made, SPEED, 1)
    assert len(planned) == sum(len(call.events) for call in made)
    times = [one.at_s for one in planned]
    assert times == sorted(times)
    assert times[0] >= 0


def test_calls_overlap_and_the_rate_stays_level() -> None:
    planned = schedule(calls(400), SPEED, 1)
    per_second = Counter(int(one.at_s) for one in planned)
    assert max(per_second.values()) <= 1.6 * EVENTS_PER_S
    order = [one.call.call_id for one in planned]
    changes = sum(1 for before, after in pairwise(order) if before != after)
    assert changes > len(order) * 0.9


def test_arrival_is_shuffled_evidence_of_a_call_comes_before_and_after_its_call_ended() -> None:
    seen: set[tuple[str, bool]] = set()
    ended: set[str] = set()
    for one in schedule(calls(300), SPEED, 1):
        if one.event.topic == "call-ended":
            ended.add(one.call.call_id)
        seen.add((one.event.topic, one.call.call_id in ended))
    assert {("artifact-ready", True), ("artifact-ready", False)} <= seen
    assert {("trace-completed", True), ("trace-completed", False)} <= seen
    assert ("evaluation-completed", True) in seen


def test_a_call_ends_at_its_place_in_the_replay_and_began_its_true_duration_earlier() -> None:
    checked = 0
    for one in schedule(calls(), SPEED, 1):
        document = dated(one, BEGAN_MS, SPEED)
        if one.event.topic == "call-ended":
            ended, began = parse_instant(document["endedAt"]), parse_instant(document["startedAt"])
            assert ended == BEGAN_MS + round(one.end_s * 1000)
            assert ended - began == one.call.duration_ms
            checked += 1
    assert checked > 100


def test_nothing_is_dated_later_than_it_is_sent() -> None:
    for one in schedule(calls(), SPEED, 1):
        document = dated(one, BEGAN_MS, SPEED)
        sent = BEGAN_MS + one.at_s * 1000
        # A short call at the very start may be sent a moment before the compressed time of its last event.
        assert all(parse_instant(document[name]) <= sent + 1_000 for name in one.event.instants)


def test_late_evidence_is_sent_after_the_scaled_deadline() -> None:
    late = [one for one in schedule(calls(2_000, 9), SPEED, 1) if one.event.at_ms > LATE_MS]
    assert late
    assert all(one.at_s - one.end_s > 18 for one in late)


def test_a_resend_is_byte_identical() -> None:
    sent: dict[str, tuple[bytes, bytes, Headers]] = {}
    again = 0
    for one in schedule(calls(), SPEED, 1):
        record = record_of(one, BEGAN_MS, SPEED)
        name = one.event.document["eventId"]
        if one.event.again:
            again += 1
            assert record == sent[name]
        else:
            sent[name] = record
    assert again > 5


def test_envelopes_are_mixed_and_each_reads_back_to_the_same_event() -> None:
    ways: Counter[str] = Counter()
    for one in schedule(calls(60), SPEED, 1):
        _key, value, headers = record_of(one, BEGAN_MS, SPEED)
        parsed = parse(headers, value)
        ways[parsed.mode] += 1
        assert "traceparent" in {name for name, _ in headers}
        assert parsed.document == dated(one, BEGAN_MS, SPEED)
    assert set(ways) == {"binary", "structured", "plain"}


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"canonicalCallId": "c", "aliases": {"x": "a"}, "traceId": "t"}, "c"),
        ({"aliases": {"x": "a", "y": "b"}, "traceId": "t"}, "a"),
        ({"traceId": "t"}, "t"),
    ],
)
def test_the_key_is_a_name_of_the_call_that_the_producer_uses(document: dict[str, Any], key: str) -> None:
    assert key_of(document) == key


class Recording:
    """A producer that remembers what it was handed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> asyncio.Future[Any]:
        self.sent.append((topic, key, value, headers))
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


async def test_play_sends_everything_in_order_and_counts_what_is_confirmed() -> None:
    planned = [one for one in schedule(calls(3), 200.0, 1) if one.at_s < 1][:12]
    producer, told = Recording(), []
    assert await play(planned, 200.0, producer, told.append) == len(planned) > 3
    assert [topic for topic, *_ in producer.sent] == [one.event.topic for one in planned]
    assert sum(told) == len(planned)
