"""One alias's state machine: parking, linking, hops, conflicts."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from msgspec.structs import replace

from stream_app.core import identity
from stream_app.core.evidence import AcceptedEvent, EventRecord, Position
from stream_app.core.identities import Ranking
from stream_app.core.identity import Alias, Claim, Context, Resolution, hop_id, mint
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


def link(canonical: str | None = None, other: str | None = None, hop: int = 0, **fields: Any) -> LinkRecord:
    return LinkRecord(**{
        "alias": ALIAS, "canonical_call_id": canonical, "other": other, "said_by": "test",
        "position": Place(9, 0, "identity-linked"), "hop": hop, **fields,
    })  # fmt: skip


def fold_park(state: Alias, record: ParkRecord, now: int | None) -> Resolution:
    return identity.fold_park(state, record, Context(1000, now))


def fold_link(state: Alias, record: LinkRecord) -> Resolution:
    return identity.fold_link(state, record, Context(1000, 5))


def hops_again(state: Alias, record: ParkRecord | LinkRecord) -> tuple[LinkRecord, ...]:
    return identity.hops_again(state, record, Context(1000, 5))


def told(resolution: Resolution) -> list[tuple[str, str]]:
    """(call, type of the notice)."""
    return [(call, notice.type()) for call, notice in resolution.notices]


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


def test_an_alias_that_two_systems_give_to_two_calls_is_disputed() -> None:
    bound = fold_link(Alias(alias=ALIAS), link("call-1")).state
    for made in (fold_park(bound, park(2, canonical="call-2"), now=6), fold_link(bound, link("call-2"))):
        assert made.state == replace(bound, disputed=("call-1", "call-2"))
        assert told(made) == [("call-1", "identity-disputed"), ("call-2", "identity-disputed")]
        assert made.disputes == (Claim(ALIAS, "call-1", "call-2", "test"),)
        assert made.released == made.hops == ()
    assert fold_park(bound, park(2, canonical="call-2"), now=6).own_way == accepted(2), "it says itself whose it is"
    disputed = fold_link(bound, link("call-2")).state
    waits = fold_park(disputed, park(3), now=7)
    assert waits.state.parked == (accepted(3),), "what knows only the alias waits"
    assert released(waits) == []
    assert fold_park(disputed, park(4, canonical="call-1"), now=7).own_way == accepted(4)
    assert fold_link(disputed, link("call-2")) == Resolution(disputed), "said once"


def test_an_operator_settles_a_dispute_for_good() -> None:
    state = fold_link(fold_link(Alias(alias=ALIAS, edges=("x:y",)), link("call-1")).state, link("call-2")).state
    state = fold_park(state, park(3), now=7).state
    settled = fold_link(state, link("call-2", said_by="operator/ada"))
    assert released(settled) == [("e3", "call-2")]
    assert told(settled) == [("call-1", "identity-settled"), ("call-2", "identity-settled")]
    assert [claim.claimed_by for claim in settled.settled] == ["call-2"]
    assert settled.state.disputed == ()
    again = fold_link(settled.state, link("call-1"))
    assert again == Resolution(settled.state), "the other claim is not heard any more"
    assert fold_park(settled.state, park(5, canonical="call-1"), now=8).own_way == accepted(5)
    assert fold_link(settled.state, link("call-3")).disputes, "a new one is"
    assert fold_link(settled.state, link("call-2", said_by="operator")) == Resolution(settled.state)


def test_an_operator_moves_an_alias_that_nobody_disputes() -> None:
    bound = fold_link(Alias(alias=ALIAS), link("call-1")).state
    moved = fold_link(bound, link("call-2", said_by="operator"))
    assert moved.state.canonical_call_id == "call-2"
    assert told(moved) == [("call-1", "identity-settled"), ("call-2", "identity-settled")]
    assert fold_link(bound, link("call-2", said_by="operators-backend")).disputes, "no operator"
    assert fold_link(bound, link("call-2", said_by="operator", hop=1, other="x:y")).disputes, "said of a neighbour"


def test_who_disputes_is_remembered_so_that_each_is_told_once() -> None:
    state = fold_link(Alias(alias=ALIAS), link("call-1")).state
    for number in (2, 3, 2):
        state = fold_link(state, link(f"call-{number}")).state
    assert state.disputed == ("call-1", "call-2", "call-3")
    for number in range(100, 140):
        state = fold_link(state, link(f"call-{number}")).state
    assert len(state.disputed) == identity.MAX_DISPUTED
    assert state.disputed[-1] == "call-139"
    assert state.canonical_call_id == "call-1"


def test_a_call_that_nobody_names_is_called_by_the_best_name_of_its_group() -> None:
    trace = Alias(alias="traceId:t")
    ended = PassingEvent.of(event(1, type="call-ended"))
    waiting = identity.fold_park(trace, ParkRecord(alias="traceId:t", event=ended), Context(1000, 5)).state
    assert waiting.ended_since == 5
    assert fold_park(Alias(alias=ALIAS), park(1), now=5).state.ended_since is None, "a tool call is no end"
    far = "connectContactId:c"
    told_of = identity.fold_link(waiting, link(alias="traceId:t", other=ALIAS, best=far), Context(1000, 5))
    assert told_of.state.best == far
    minted = mint(told_of.state)
    assert (minted.state.canonical_call_id, minted.state.minted) == (far, True)
    assert released(minted) == [("e1", far)]
    assert [(hop.alias, hop.canonical_call_id, hop.minted) for hop in minted.hops] == [(ALIAS, far, True)]


def test_neighbours_come_to_know_the_same_best_name_whatever_the_order() -> None:
    names = ["traceId:t", ALIAS, "x:y", "twilioCallSid:CA"]
    edges = [(names[0], names[1]), (names[1], names[2]), (names[2], names[3])]
    links = [link(alias=one, other=other) for pair in edges for one, other in (pair, pair[::-1])]
    for seed in range(50):
        draw = random.Random(seed)
        states = {name: Alias(name) for name in names}
        waiting = links.copy()
        while waiting:
            record = waiting.pop(draw.randrange(len(waiting)))
            made = identity.fold_link(states[record.alias], record, Context(1000, 5))
            states[record.alias] = made.state
            waiting += made.hops
        assert {state.name for state in states.values()} == {"twilioCallSid:CA"}, seed


def test_a_minted_id_stays_and_a_systems_own_becomes_another_name_of_the_call() -> None:
    minted = mint(fold_park(Alias(alias=ALIAS), park(1), now=5).state).state
    claimed = fold_park(minted, park(2, canonical="call-1"), now=6)
    assert released(claimed) == [("e2", ALIAS)]
    assert told(claimed) == [("call-1", "identity-merged"), (ALIAS, "identity-linked")]
    assert fold_link(claimed.state, link("call-1")) == Resolution(claimed.state)
    assert fold_link(claimed.state, link("call-2")).disputes, "a second system's ID is another call's"


def test_of_two_calls_that_turn_out_to_be_one_the_better_minted_name_stays() -> None:
    better, worse = "twilioCallSid:CA", "traceId:t"
    for mine, theirs in ((better, worse), (worse, better)):
        state = replace(mint(fold_park(Alias(mine), park(1), now=5).state).state, edges=("x:y",))
        made = fold_link(state, link(theirs, other="x:y", minted=True, alias=mine, hop=1))
        assert made.state.canonical_call_id == better
        assert told(made) == [(worse, "identity-merged")]
        assert [(hop.alias, hop.canonical_call_id) for hop in made.hops] == [("x:y", better)]


def test_a_systems_call_that_meets_a_minted_one_goes_on_under_its_name() -> None:
    bound = fold_link(Alias(alias=ALIAS, edges=("x:y",)), link("call-1")).state
    moved = fold_link(bound, link("x:y", other="x:y", minted=True, hop=1))
    assert (moved.state.canonical_call_id, moved.state.own, moved.state.minted) == ("x:y", "call-1", True)
    assert told(moved) == [("call-1", "identity-merged"), ("x:y", "identity-linked")]
    assert fold_link(moved.state, link("call-1")) == Resolution(moved.state)


def test_a_policy_may_prefer_another_scheme() -> None:
    context = Context(1000, 5, Ranking(("traceId", "livekitRoom")))
    made = identity.fold_link(Alias(ALIAS), link(other="traceId:t"), context)
    assert made.state.name == "traceId:t"
    assert fold_link(Alias(ALIAS), link(other="traceId:t")).state.name == ALIAS


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
    assert [hops_again(bound.state, record) for record in (link(other=ALIAS), park(1))] == [()] * 2
    gossip = fold_link(unlinked, link(other="x:y"))
    assert set(gossip.hops) <= set(hops_again(gossip.state, link(other="x:y")))
    disputed = fold_link(bound.state, link("call-2")).state
    assert hops_again(disputed, link("call-2")) == ()


def test_a_claim_that_does_not_say_whose_it_is_is_refused() -> None:
    anonymous = event().model_copy(update={"event": {"eventId": "e"}})
    claim = ParkRecord(alias=ALIAS, canonical_call_id="c", event=PassingEvent.of(anonymous))
    with pytest.raises(RecordError, match="source"):
        fold_park(Alias(alias=ALIAS), claim, now=1)
