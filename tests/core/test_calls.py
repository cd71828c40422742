"""What the join remembers of a call: clamped times, the packet's order of evidence, aliases, known positions."""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from stream_app.core.call_rows import read_call, write_call
from stream_app.core.calls import CallState, aliases_of_items, end_of, packet_order, stated_end
from stream_app.core.evidence import EventRecord, Position
from stream_app.core.evidence_records import Heard
from stream_app.core.identity_records import Place
from stream_app.core.instants import format_instant
from stream_app.core.orders import Conflict
from tests.evidence import START_MS, artifact, call, evaluation, item, piece, tool
from tests.folding import heard

AHEAD, BEHIND = 60_000, 600_000


def record(received_at: int, **event: object) -> Heard:
    common = {"eventId": "e", "type": "trace-completed", "source": "s"}
    document = {**common, "occurredAt": format_instant(START_MS), **event}
    return heard(
        EventRecord(
            canonical_call_id="call-1",
            position=Position(topic="tool-call", partition=0, offset=0),
            received_at=received_at,
            digest="0" * 64,
            event=document,
        )
    )


def test_only_a_time_far_ahead_is_clamped() -> None:
    for received, occurred, skewed in (
        (START_MS, START_MS, False),
        (START_MS - AHEAD, START_MS, False),
        (START_MS - AHEAD - 1, START_MS - AHEAD - 1, True),
        (START_MS + 10**10, START_MS, False),
    ):
        found = record(received).clamped(AHEAD)
        assert (found.occurred_at, found.skewed) == (occurred, skewed)


def test_the_anchor_is_clamped_both_ways_and_the_packets_day_only_ahead() -> None:
    ended = call()
    for received, anchor, stated in (
        (START_MS, START_MS, START_MS),
        (START_MS + BEHIND, START_MS, START_MS),
        (START_MS + BEHIND + 1, START_MS + BEHIND + 1, START_MS),
        (START_MS - AHEAD - 1, START_MS - AHEAD - 1, START_MS - AHEAD - 1),
    ):
        seen = ended.model_copy(update={"received_at": received})
        assert end_of(seen, AHEAD, BEHIND) == anchor
        assert stated_end(seen, AHEAD) == stated


def test_evidence_is_listed_in_one_order_however_it_came() -> None:
    items = (
        call(), artifact("transcript"), tool("b", sequence=2), tool("a", sequence=3), tool("c", sequence=1),
        evaluation(),
    )  # fmt: skip
    wanted = ["call", "transcript-ready", "c", "b", "a", "eval"]
    for arrived in itertools.permutations(items):
        assert [one.event_id for one in packet_order(arrived)] == wanted


def test_tools_of_one_sequence_go_by_their_key_and_reports_of_one_key_by_event_id() -> None:
    items = (
        tool("9", key="a", occurrence=1), tool("5", key="a", occurrence=2), tool("6", key="a", occurrence=2),
        tool("1", key="b", occurrence=1),
    )  # fmt: skip
    for arrived in itertools.permutations(items):
        assert [one.event_id for one in packet_order(arrived)] == ["9", "5", "6", "1"]


def test_a_call_whose_end_lies_ahead_is_flagged_even_where_its_own_time_is_right() -> None:
    for late, skewed in ((AHEAD, False), (AHEAD + 1, True)):
        ended = record(START_MS, type="call-ended", endedAt=format_instant(START_MS + late))
        found = ended.clamped(AHEAD)
        assert (found.occurred_at, found.skewed) == (START_MS, skewed)


def test_one_value_of_a_scheme_is_shown_and_the_others_are_kept() -> None:
    items = (
        item("identity-linked", "l1", aliases={"livekitEgress": "EG-2", "room": "r"}, traceId="t"),
        item("identity-linked", "l2", aliases={"livekitEgress": "EG-1"}),
    )
    assert aliases_of_items(items) == (
        {"livekitEgress": "EG-1", "room": "r", "traceId": "t"},
        {"livekitEgress": ("EG-2",)},
    )


def test_a_position_is_known_whichever_way_it_ended() -> None:
    used, again, other, new = (Place(offset, 0, "t") for offset in range(4))
    conflicting = tuple(Position(topic="t", partition=0, offset=offset) for offset in (used.offset, other.offset))
    state = CallState(
        call_id="call-1",
        items=(replace(piece(call()), topic="t", partition=0, offset=used.offset),),
        duplicates=(again,),
        conflicts=(Conflict(event_id="call", digests=("0" * 64, "1" * 64), positions=conflicting),),
    )
    assert all(state.knows(position) for position in (used, again, other))
    assert not any(state.knows(place) for place in (new, Place(0, 1, "t"), Place(0, 0, "u")))
    assert read_call(write_call(state)) == state


def test_a_piece_is_the_item_of_a_seal_order() -> None:
    one = tool("t", sequence=3, arguments={"a": 1})
    same = piece(one)
    for field in ("kind", "event_id", "received_at", "occurred_at", "skewed", "digest", "event", "traceparent"):
        assert getattr(same, field) == getattr(one, field), field
    assert same.position.key() == one.position.key()
