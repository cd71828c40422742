"""Closed accounting over topics made by hand: every ending is recognised, and whatever is left over is named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.core.calls import CallState
from stream_app.core.evidence import Position
from stream_app.core.identity import AliasState
from stream_app.core.identity_records import Place
from stream_app.core.orders import Conflict, SealOrder, SealRetry
from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.pipeline.provider_records import part_of
from stream_app.runtime import audit
from stream_app.runtime.audit import Accounting, Matching
from stream_app.topics import INTAKE_TOPICS, PACKETS, SEAL_ORDERS, SEAL_RETRY
from tests import evidence, remembered
from tests.deployments import Deployment, deployment
from tests.examples import changed, contract_order
from tests.providers.trying import Trying

TOPICS = (
    *(topic.name for topic in INTAKE_TOPICS), "provider-records", "dead-letters", "packets", "seal-orders",
    "stream-app-identity-identity-changelog", "stream-app-join-join-changelog",
)  # fmt: skip


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=TOPICS) as made:
        yield made


def put(line: Deployment, topic: str, partition: int = 0) -> Position:
    """One input record (what is in it does not matter here), and where it stands."""
    (written,) = line.send(Outgoing(topic, b"k", b"{}", partition=partition))
    return Position(topic=topic, partition=written.partition, offset=written.offset)


def accounting(line: Deployment) -> Accounting:
    return asyncio.run(audit.accounting(line.settings))


def matching(line: Deployment) -> Matching:
    return asyncio.run(audit.matching(line.settings))


def order(packet_id: str) -> SealOrder:
    call_id, _, version = packet_id.partition("/")
    return changed(contract_order(), order_id=packet_id, canonical_call_id=call_id, version=int(version))


def test_a_line_without_input_is_closed(line: Deployment) -> None:
    found = accounting(line)
    assert (found.positions, found.closed, found.endings) == (0, True, {})
    assert matching(line) == Matching()


def test_every_ending_is_recognised_and_the_rest_is_named(line: Deployment) -> None:
    used, again = put(line, "call-ended"), put(line, "call-ended", 1)
    one, other = put(line, "tool-call"), put(line, "tool-call")
    broken = put(line, "evaluation-completed")
    waiting = put(line, "artifact-ready", 1)
    tool = remembered.at(evidence.tool("tool"), one)
    state = CallState(
        call_id="call-1",
        items=evidence.pieces(remembered.at(evidence.call(), used), tool),
        duplicates=(Place(again.offset, again.partition, again.topic),),
        duplicate_count=1,
        conflicts=(Conflict(event_id="tool", digests=(tool.digest, "f" * 64), positions=(one, other)),),
    )
    parked = remembered.accepted(remembered.at(evidence.artifact("recording"), waiting))
    rows = [
        remembered.call_row(line, state),
        remembered.alias_row(line, AliasState(alias="twilioCallSid:CA1", parked=(parked,))),
    ]
    line.send(*rows)
    without = accounting(line)
    assert without.unaccounted == [broken.key()], "negative control: nothing has said what became of it yet"
    assert not without.closed

    line.send(remembered.dead_letter(broken), remembered.dead_letter(broken))  # Twice the same letter is one ending.
    found = accounting(line)
    assert found.closed, found
    assert found.positions == 6
    assert found.endings == {
        "call-ended": {"used": 1, "duplicate": 1},
        "tool-call": {"conflict": 2},
        "evaluation-completed": {"dead_letter": 1},
        "artifact-ready": {"parked": 1},
    }

    line.send(remembered.dead_letter(used, "invalid_event"))
    assert accounting(line).twice == [f"{used.key()} (dead_letter, used)"]


def test_a_payload_is_accounted_for_by_all_its_events_or_by_none_that_it_has(line: Deployment) -> None:
    def payload(body: bytes) -> Position:
        (sent,) = line.send(Outgoing("provider-records", b"k", body, (("provider", b"vapi"),), 1))
        return Position(topic="provider-records", partition=1, offset=sent.offset)

    vapi = Trying("vapi")
    report, silent = vapi.own("end-of-call-report"), vapi.own("speech-update")
    told, nothing, broken = payload(write_json(report)), payload(write_json(silent)), payload(b"{")
    number = len(vapi.events(report))
    places = [told.model_copy(update={"topic": part_of(told.topic, part)}) for part in range(number)]
    pieces = [remembered.at(evidence.tool(f"tool-{part}"), place) for part, place in enumerate(places)]

    line.send(remembered.call_row(line, CallState(call_id="call-1", items=evidence.pieces(*pieces[:-1]))))
    assert accounting(line).unaccounted == [told.key(), broken.key()], "one of its events is still on its way"
    line.send(remembered.call_row(line, CallState(call_id="call-1", items=evidence.pieces(*pieces))))
    line.send(remembered.dead_letter(broken))
    found = accounting(line)
    assert found.closed, found
    assert found.endings == {"provider-records": {"used": 1, "nothing": 1, "dead_letter": 1}}
    assert number > 1
    assert nothing.key() not in found.unaccounted


def test_an_alias_that_was_linked_parks_nothing_any_more(line: Deployment) -> None:
    position = put(line, "tool-call")
    parked = remembered.accepted(remembered.at(evidence.tool("tool"), position))
    line.send(remembered.alias_row(line, AliasState(alias="livekitRoom:r", parked=(parked,))))
    assert accounting(line).endings == {"tool-call": {"parked": 1}}
    line.send(remembered.alias_row(line, AliasState(alias="livekitRoom:r", canonical_call_id="call-1")))
    assert accounting(line).unaccounted == [position.key()], "released, and not yet with its call"
    item = remembered.at(evidence.tool("tool"), position)
    line.send(remembered.call_row(line, CallState(call_id="call-1", items=evidence.pieces(item))))
    assert accounting(line).endings == {"tool-call": {"used": 1}}


def test_a_forgotten_call_is_known_by_its_packets(line: Deployment) -> None:
    position = put(line, "call-ended")
    item = remembered.at(evidence.call(), position)
    line.send(remembered.call_row(line, CallState(call_id="call-1", items=evidence.pieces(item))))
    assert accounting(line).closed
    line.send(remembered.forgotten_row(line, "call-1"))
    assert accounting(line).unaccounted == [position.key()]
    entry = {"kind": "call", "eventId": "call", **position.to_dict()}
    line.send(remembered.packet_record(remembered.packet("call-1/1", evidence=[entry])))
    assert accounting(line).endings == {"call-ended": {"used": 1}}


def test_evidence_of_a_late_order_is_late(line: Deployment) -> None:
    position, fine = put(line, "call-ended"), put(line, "call-ended")
    item = remembered.at(evidence.call(), position)
    states = [
        CallState(call_id="call-1", items=evidence.pieces(item)),
        CallState(call_id="call-2", items=evidence.pieces(remembered.at(evidence.call(), fine))),
    ]
    late = changed(order("call-1/1"), items=(item,))
    where = Position(topic=SEAL_ORDERS.name, partition=0, offset=0)
    line.send(
        *(remembered.call_row(line, state) for state in states),
        remembered.dead_letter(where, "late", "seal", late.to_bytes()),
    )
    found = accounting(line)
    assert found.closed, found
    assert found.endings == {"call-ended": {"late": 1, "used": 1}}


def test_duplicates_that_were_only_counted_excuse_as_many_positions_and_no_more(line: Deployment) -> None:
    for _ in range(2):
        put(line, "tool-call")
    state = CallState(call_id="call-1", duplicate_count=2)
    line.send(remembered.call_row(line, state))
    assert accounting(line).endings == {"tool-call": {"duplicate": 2}}
    put(line, "tool-call")
    found = accounting(line)
    assert len(found.unaccounted) == 3, "one of them is lost, and nobody can say which"
    assert not found.closed


def test_orders_and_packets_match_one_to_one(line: Deployment) -> None:
    line.send(*(remembered.order_record(order(name)) for name in ("call-1/1", "call-1/2", "call-2/1")))
    line.send(remembered.packet_record(remembered.packet("call-1/1")))
    found = matching(line)
    assert (found.orders, found.packets) == (3, 1)
    assert found.unsealed == ["call-1/2", "call-2/1"]
    assert found.unmarked == found.repeated == found.doubled == []
    assert not found.one_to_one

    for name in ("call-1/2", "call-2/1", "call-2/1", "call-3/1"):
        line.send(remembered.packet_record(remembered.packet(name)))
    found = matching(line)
    assert found.unsealed == []
    assert found.repeated == ["call-2/1"]
    assert found.unmarked == ["call-3/1"]
    assert found.doubled == []
    line.send(remembered.order_record(order("call-1/2")))
    assert matching(line).doubled == ["call-1/2"]


def test_one_order_and_one_packet_are_one_to_one_and_two_are_not(line: Deployment) -> None:
    line.send(remembered.order_record(order("call-1/1")), remembered.packet_record(remembered.packet("call-1/1")))
    assert matching(line).one_to_one
    line.send(remembered.order_record(order("call-1/1")))
    assert (matching(line).one_to_one, matching(line).repeated) == (False, [])


def test_an_order_that_was_refused_needs_no_packet(line: Deployment) -> None:
    one, other = order("call-1/1"), order("call-2/1")
    (first, _, broken) = line.send(
        remembered.order_record(one), remembered.order_record(other), Outgoing(SEAL_ORDERS.name, b"k", b"no order")
    )
    where = f"{SEAL_ORDERS.name}/{broken.partition}/{broken.offset}"
    assert matching(line).unsealed == ["call-1/1", "call-2/1", where]
    retry = SealRetry(attempt=3, first_failed_at=0, not_before=0, failure="x", order=other)
    line.send(
        remembered.dead_letter(_place(SEAL_ORDERS.name, first.partition, first.offset), "order_conflict", "seal",
                               one.to_bytes()),
        remembered.dead_letter(_place(SEAL_RETRY.name, 0, 7), "invalid_internal", "seal", retry.to_bytes()),
        remembered.dead_letter(_place(SEAL_ORDERS.name, broken.partition, broken.offset), "invalid_internal", "seal",
                               b"no order"),
    )  # fmt: skip
    assert matching(line).unsealed == []


def test_a_dead_letter_of_another_stage_excuses_no_order(line: Deployment) -> None:
    line.send(remembered.order_record(order("call-1/1")))
    line.send(remembered.dead_letter(_place("call-ended", 0, 0), value=order("call-1/1").to_bytes()))
    assert matching(line).unsealed == ["call-1/1"]
    assert line.read(PACKETS.name) == []


def _place(topic: str, partition: int, offset: int) -> Position:
    return Position(topic=topic, partition=partition, offset=offset)
