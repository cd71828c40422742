"""How calls are named: which aliases an event has, and which of them it waits under."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.alias_rows import ORPHAN, read_row, write_row
from stream_app.core.events import CallEnded
from stream_app.core.evidence import AcceptedEvent, ClockRecord, Position, event_digest, reduce_event
from stream_app.core.identities import (
    PRECEDENCE,
    Clock,
    HopDone,
    Link,
    Park,
    PassingEvent,
    Place,
    RecordError,
    alias_key,
    aliases_of,
    by_precedence,
    read_record,
)  # fmt: skip
from stream_app.core.identity import Alias, AliasState, fold_link, fold_park
from stream_app.core.wire import read_json, write_json
from tests import stories


def event(**fields: Any) -> CallEnded:
    return CallEnded.from_dict(stories.call_ended(**fields))


def test_a_trace_id_is_an_alias() -> None:
    assert aliases_of(event(traceId="t-1", aliases={"livekitRoom": "r"})) == {"livekitRoom": "r", "traceId": "t-1"}
    assert aliases_of(event(traceId="t-1", aliases={"traceId": "t-1"})) == {"traceId": "t-1"}
    assert aliases_of(event()) == {}


def test_an_event_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        aliases_of(event(traceId="t-1", aliases={"traceId": "t-2"}))


def test_the_best_known_scheme_comes_first_and_the_trace_last() -> None:
    aliases = {
        "traceId": "t",
        "ourOwn": "o",
        "livekitRoom": "r",
        "twilioCallSid": "c",
        "testRunId": "run",
        "anOwn": "a",
    }
    assert by_precedence(aliases) == [
        "twilioCallSid:c", "livekitRoom:r", "anOwn:a", "ourOwn:o", "testRunId:run", "traceId:t",
    ]  # fmt: skip
    assert by_precedence(dict(reversed(aliases.items()))) == by_precedence(aliases)
    assert PRECEDENCE[-1] == "traceId"


def test_keys_keep_schemes_apart() -> None:
    assert alias_key("a", "b:c") != alias_key("x", "b:c")


def test_the_longest_alias_that_an_event_may_carry_has_room_in_every_record() -> None:
    claimed = event(aliases={"s" * 64: "v" * 256}, traceId="t" * 256)
    first, second = by_precedence(aliases_of(claimed))
    where = Position(topic="call-ended", partition=0, offset=0)
    accepted = AcceptedEvent(
        position=where, received_at=0, digest=event_digest(claimed), event=reduce_event(claimed)
    )  # fmt: skip
    place = Place(0, 0, "call-ended")
    park = read_record(Park(alias=first, event=PassingEvent.of(accepted)).to_bytes())
    assert isinstance(park, Park)
    parked = fold_park(Alias(first), park, now=0).state
    link = read_record(Link(alias=first, other=second, said_by="test", position=place).to_bytes())
    assert isinstance(link, Link)
    linked = fold_link(parked, link).state
    row = write_row(linked, (ORPHAN, 900_000))
    assert read_row(row) == linked
    assert AliasState.from_dict(read_json(row)).parked == (accepted,)
    assert (len(linked.alias), linked.edges) == (64 + 1 + 256, (second,))


@pytest.mark.parametrize("alias", ["", "s:" + "v" * 320, "s:a\nb", "s:ab\n"])
def test_a_longer_or_unprintable_alias_is_refused(alias: str) -> None:
    place = Place(0, 0, "call-ended")
    with pytest.raises(RecordError, match="alias"):
        read_record(Link(alias=alias, said_by="test", position=place).to_bytes())


def test_records_are_written_as_every_record_is_with_sorted_keys() -> None:
    claimed = event(aliases={"livekitRoom": "r"}, queue="Größe 2")
    where = Position(topic="call-ended", partition=3, offset=9)
    accepted = AcceptedEvent(
        position=where, received_at=0, digest=event_digest(claimed), event=reduce_event(claimed)
    )  # fmt: skip
    park = Park(alias="livekitRoom:r", canonical_call_id="call-1", event=PassingEvent.of(accepted))
    clock = ClockRecord(worker="w", read_up_to={"t/1": 5, "t/0": 4}, sources={"t": 2}, vias=4)
    passed = Clock(worker="w", read_up_to={"t/1": 5, "t/0": 4}, sources={"t": 2}, vias=4)
    for record in (
        park,
        Link(alias="a:b", other="c:d", said_by="test", position=Place(9, 3, "call-ended"), hop=1, sent_from=2),
        HopDone(hop_id="x"),
        passed,
    ):
        written = record.to_bytes()
        assert write_json(json.loads(written)) == written
        assert read_record(written) == record
    assert passed.to_bytes() == clock.to_bytes()


@pytest.mark.parametrize(
    "value", [None, b"", b"junk", b"[]", b"{}", b'{"record":"park"}', b'{"record":"other"}', b'{"record":"hop-done"}',
              b'{"hopId":1,"record":"hop-done"}', b'"\xff"', b"[" * 5000],
)  # fmt: skip
def test_what_is_no_record_is_refused(value: bytes | None) -> None:
    with pytest.raises(RecordError, match="not an identity record"):
        read_record(value)
