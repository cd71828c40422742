"""Records of the `identity` topic as stages write them: byte for byte what the models say, and nothing else is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stream_app.core import identities
from stream_app.core.alias_rows import ORPHAN, read_row, write_row
from stream_app.core.events import CallEnded
from stream_app.core.evidence import AcceptedEvent, ClockRecord, Position, event_digest, reduce_event
from stream_app.core.identities import aliases_of, by_precedence
from stream_app.core.identity import Alias, AliasState, Context, fold_link, fold_park, minted_id
from stream_app.core.identity_records import (
    AccountCallRecord,
    AccountReportRecord,
    CandidatesRecord,
    ClockOnward,
    HopDoneRecord,
    LinkRecord,
    ParkRecord,
    PassingEvent,
    Place,
    RecordError,
    read_record,
)
from stream_app.core.wire import read_json
from tests import stories

PLACE = Place(9, 3, "call-ended")
WHERE = Position(topic="call-ended", partition=3, offset=9)


def accepted(**fields: Any) -> AcceptedEvent:
    event = CallEnded.from_dict(stories.call_ended(**fields))
    return AcceptedEvent(position=WHERE, received_at=5, digest=event_digest(event), event=reduce_event(event))


def test_the_longest_alias_that_an_event_may_carry_has_room_in_every_record() -> None:
    claimed = CallEnded.from_dict(stories.call_ended(aliases={"s" * 64: "v" * 256}, traceId="t" * 256))
    first, second = by_precedence(aliases_of(claimed))
    event = accepted(aliases={"s" * 64: "v" * 256}, traceId="t" * 256)
    park = read_record(ParkRecord(alias=first, event=PassingEvent.of(event)).to_bytes())
    assert isinstance(park, ParkRecord)
    parked = fold_park(Alias(first), park, Context(0, 0)).state
    link = read_record(LinkRecord(alias=first, other=second, said_by="test", position=PLACE).to_bytes())
    assert isinstance(link, LinkRecord)
    linked = fold_link(parked, link, Context(0, 0)).state
    row = write_row(linked, (ORPHAN, 900_000))
    assert read_row(row) == linked
    assert AliasState.from_dict(read_json(row)).parked == (event,)
    assert (len(linked.alias), linked.edges) == (64 + 1 + 256, (second,))
    assert len(minted_id(first)) <= 256
    assert minted_id(first) != minted_id(first + "v")
    assert minted_id("a:b") == "a:b"


@pytest.mark.parametrize("alias", ["", "s:" + "v" * 320, "s:a\nb", "s:ab\n"])
def test_a_longer_or_unprintable_alias_is_refused(alias: str) -> None:
    with pytest.raises(RecordError, match="alias"):
        read_record(LinkRecord(alias=alias, said_by="test", position=PLACE).to_bytes())


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)


@given(alias=TEXT, canonical=TEXT | st.none(), other=TEXT | st.none(), said_by=st.text(), hop=st.integers(0, 8))
def test_records_are_byte_for_byte_what_the_models_write(
    alias: str, canonical: str | None, other: str | None, said_by: str, hop: int
) -> None:
    event = accepted(queue="Größe 2", note="\u2028\x7f\\")
    link = {"alias": alias, "canonical_call_id": canonical, "other": other, "said_by": said_by, "hop": hop}
    clock: dict[str, Any] = {
        "worker": "w",
        "read_up_to": {"t/1": 5, "t/0": 4},
        "sources": {"t": 2},
        "vias": 4,
        "via": 1,
    }
    park = {"alias": alias, "canonical_call_id": canonical}
    pairs: tuple[tuple[Any, BaseModel], ...] = (
        (LinkRecord(position=PLACE, sent_from=2, **link), identities.Link(position=WHERE, sent_from=2, **link)),
        (ParkRecord(event=PassingEvent.of(event), **park), identities.Park(event=event, **park)),
        (HopDoneRecord(hop_id=said_by), identities.HopDone(hop_id=said_by)),
        (
            AccountCallRecord(account=alias, began=hop, call=alias, ended=9),
            identities.AccountCall(account=alias, began=hop, call=alias, ended=9),
        ),
        (
            AccountReportRecord(account=alias, alias=alias, around=hop, position=PLACE, received_at=9),
            identities.AccountReport(account=alias, alias=alias, around=hop, position=WHERE, received_at=9),
        ),
        (
            CandidatesRecord(alias=alias, candidates=(alias,), more=hop > 1, position=PLACE),
            identities.Candidates(alias=alias, candidates=(alias,), more=hop > 1, position=WHERE),
        ),
        (ClockOnward(**clock), ClockRecord(**clock)),
    )
    for record, model in pairs:
        assert record.to_bytes() == model.to_bytes()
        assert read_record(record.to_bytes()) == record


def test_a_record_of_another_hand_is_read_whatever_the_order_of_its_keys() -> None:
    done = b'{ "record": "hop-done", "unknown": [1, {}], "hopId": "x" }'
    assert read_record(done) == HopDoneRecord(hop_id="x")


@pytest.mark.parametrize(
    "value", [None, b"", b"junk", b"[]", b"{}", b'{"record":"park"}', b'{"record":"other"}', b'{"record":"hop-done"}',
              b'{"hopId":1,"record":"hop-done"}', b'"\xff"', b"[" * 5000],
)  # fmt: skip
def test_what_is_no_record_is_refused(value: bytes | None) -> None:
    with pytest.raises(RecordError, match="not an identity record"):
        read_record(value)
