"""One alias's state machine: parking, linking, hops, conflicts."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from stream_app.core import identity
from stream_app.core.evidence import AcceptedEvent, EventRecord, Position
from stream_app.core.identity import Alias, Resolution, fold_link, fold_park, hop_id, hops_again
from stream_app.core.identity_records import LinkRecord, ParkRecord, PassingEvent, Place, RecordError

ALIAS = "livekitRoom:room-1"


def event(offset: int = 0, **fields: str) -> AcceptedEvent:
    return AcceptedEvent(
        position=Position(topic="tool-call", partition=0, offset=offset),
        received_at=0,
        digest="0" * 64,
        event={"eventId": f"e{offset}", "type": "tool-call", "source": "test", **fields},
    )


def accepted(offset: int = 0) -> PassingEvent:
    return PassingEvent.of(event(offset))


def link(canonical: str | None = None, other: str | None = None, hop: int = 0) -> LinkRecord:
    return LinkRecord(
        alias=ALIAS,
        canonical_call_id=canonical,
        other=other,
        said_by="test",
        position=Place(9, 0, "identity-linked"),
        hop=hop,
    )


def park(offset: int = 0, canonical: str | None = None) -> ParkRecord:
    return ParkRecord(alias=ALIAS, canonical_call_id=canonical, event=accepted(offset))


def released(resolution: Resolution) -> list[tuple[str, str]]:
    call_id = resolution.state.canonical_call_id or "nobody's"
    records = [EventRecord.from_dict(json.loads(one.resolved(call_id))) for one in resolution.released]
    return [(record.event["eventId"], record.canonical_call_id) for record in records]


def test_events_park_until_a_link_releases_them_in_their_order() -> None:
    state = Alias(alias=ALIAS)
    for offset in (3, 1, 2):
        state = fold_park(state, park(offset), now=5).state
    assert [json.loads(bytes(one.event))["eventId"] for one in state.parked] == ["e3", "e1", "e2"]
    assert state.since == 5
    bound = fold_link(state, link("call-1"))
    assert released(bound) == [("e3", "call-1"), ("e1", "call-1"), ("e2", "call-1")]
    assert bound.state.parked == ()
    assert released(fold_park(bound.state, park(4), now=6)) == [("e4", "call-1")]


def test_a_redelivered_event_is_parked_once() -> None:
    once = fold_park(Alias(alias=ALIAS), park(1), now=5).state
    assert fold_park(once, park(1), now=6).state == once


def test_a_claim_links_the_alias_and_passes_itself_on() -> None:
    waiting = fold_park(Alias(alias=ALIAS), park(1), now=5).state
    claimed = fold_park(waiting, park(2, canonical="call-1"), now=6)
    assert released(claimed) == [("e1", "call-1"), ("e2", "call-1")]
    assert claimed.state.canonical_call_id == "call-1"


def test_an_alias_of_one_call_is_not_given_to_another() -> None:
    bound = fold_link(Alias(alias=ALIAS), link("call-1")).state
    by_event = fold_park(bound, park(2, canonical="call-2"), now=6)
    assert by_event.state == replace(bound, refused=("call-2",), refused_at=(accepted(2).position,))
    assert released(by_event) == []
    assert by_event.refused_event == accepted(2)
    assert by_event.refused is not None
    assert (by_event.refused.owner, by_event.refused.claimed_by) == ("call-1", "call-2")
    by_link = fold_link(bound, link("call-2"))
    assert by_link.state == replace(bound, refused=("call-2",))
    assert by_link.refused is not None
    assert by_link.refused_event is None


def test_an_event_that_intake_sends_again_is_refused_once() -> None:
    state = fold_link(Alias(alias=ALIAS), link("call-1")).state
    for offset in (2, 3):
        refused = fold_park(state, park(offset, canonical="call-2"), now=6)
        assert refused.refused_event == accepted(offset)
        state = refused.state
    for offset in (3, 2):
        assert fold_park(state, park(offset, canonical="call-2"), now=7) == Resolution(state)
    for offset in range(1000):
        state = fold_park(state, park(10 + offset, canonical="call-2"), now=8).state
    assert len(state.refused_at) == identity.MAX_REFUSED_AT


def test_who_was_refused_is_remembered_so_that_each_is_told_once() -> None:
    state = fold_link(Alias(alias=ALIAS), link("call-1")).state
    for number in (2, 3, 2):
        state = fold_link(state, link(f"call-{number}")).state
    assert state.refused == ("call-2", "call-3")
    for number in range(100, 140):
        state = fold_link(state, link(f"call-{number}")).state
    assert len(state.refused) == identity.MAX_REFUSED
    assert state.refused[-1] == "call-139"
    assert state.canonical_call_id == "call-1"


def test_a_linked_alias_tells_its_neighbours_once() -> None:
    state = fold_link(Alias(alias=ALIAS), link(other="vapiCallId:v")).state
    state = fold_link(state, link(other="vapiCallId:v")).state
    assert state.edges == ("vapiCallId:v",)
    bound = fold_link(state, link("call-1"))
    (hop,) = bound.hops
    assert (hop.alias, hop.canonical_call_id, hop.hop) == ("vapiCallId:v", "call-1", 1)
    assert fold_link(bound.state, link("call-1")).hops == ()
    assert [one.alias for one in fold_link(bound.state, link(other="x:y")).hops] == ["x:y"]


def test_hops_end() -> None:
    state = Alias(alias=ALIAS, edges=("x:y",))
    assert fold_link(state, link("call-1", hop=identity.MAX_HOPS)).hops == ()
    assert len(fold_link(state, link("call-1", hop=identity.MAX_HOPS - 1)).hops) == 1


def test_an_alias_is_no_neighbour_of_itself() -> None:
    state = Alias(alias=ALIAS)
    assert fold_link(state, link(other=ALIAS)).state == state


def test_the_same_hop_has_the_same_receipt() -> None:
    state = Alias(alias=ALIAS, edges=("x:y", "x:z"))
    first, again = fold_link(state, link("call-1")).hops, fold_link(state, link("call-1")).hops
    assert [hop_id(hop) for hop in first] == [hop_id(hop) for hop in again]
    assert len({hop_id(hop) for hop in first}) == 2


def test_an_event_goes_on_as_the_very_record_that_the_join_reads() -> None:
    plain = event(7, note='ä \U0001f600 "quoted" \n')
    traced = plain.model_copy(update={"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"})
    for one in (plain, traced):
        assert PassingEvent.of(one).resolved("call-1") == one.resolved("call-1").to_bytes()


def test_what_was_sent_before_a_crash_is_sent_again_where_receipts_may_be_missing() -> None:
    unlinked = Alias(alias=ALIAS, edges=("x:y", "x:z"))
    bound = fold_link(unlinked, link("call-1"))
    assert hops_again(bound.state, link("call-1")) == bound.hops
    by_claim = fold_park(unlinked, park(2, canonical="call-1"), now=6)
    assert hops_again(by_claim.state, park(2, canonical="call-1")) == by_claim.hops
    assert [one.alias for one in hops_again(bound.state, link(other="x:y"))] == ["x:y"]
    nothing = [link("call-2"), link(other=ALIAS), park(1), park(1, canonical="call-2")]
    assert [hops_again(bound.state, record) for record in nothing] == [()] * 4
    assert hops_again(unlinked, link(other="x:y")) == ()


def test_a_claim_that_does_not_say_whose_it_is_is_refused() -> None:
    anonymous = event().model_copy(update={"event": {"eventId": "e"}})
    claim = ParkRecord(alias=ALIAS, canonical_call_id="c", event=PassingEvent.of(anonymous))
    with pytest.raises(RecordError, match="source"):
        fold_park(Alias(alias=ALIAS), claim, now=1)
