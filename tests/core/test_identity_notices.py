"""What calls are told of their names is evidence like any other: known again, and read by the join."""

from __future__ import annotations

import pytest

from stream_app.core import identity_notices as notices
from stream_app.core.evidence_records import Heard, read_record
from stream_app.core.identity_records import PassingEvent, Place

CLAIM = Place(7, 1, "call-ended")
KINDS = ("identity-disputed", "identity-settled", "identity-merged", "identity-linked")


def made(time: int) -> tuple[PassingEvent, ...]:
    """One of each, in the order of KINDS."""
    return (
        notices.disputed("a:b", ("call-1", "call-2"), CLAIM, time),
        notices.settled("a:c", "call-1", "operator/ada", CLAIM, time),
        notices.merged("call-1", "a:b", CLAIM, time),
        notices.known_as("a:b", "call-1", CLAIM, time),
    )


def heard(notice: PassingEvent) -> Heard:
    record = read_record(notice.resolved("call-1"))
    assert isinstance(record, Heard)
    return record


@pytest.mark.parametrize("number", range(4), ids=KINDS)
def test_the_join_reads_every_notice_as_evidence_of_the_kind_identity(number: int) -> None:
    record = heard(made(5000)[number])
    assert (record.type, record.piece.kind, record.piece.occurred_at) == (KINDS[number], "identity", 5000)
    assert len(record.piece.event_id) <= 256


def test_a_notice_of_the_same_claim_has_the_same_place_and_no_other_has() -> None:
    places = [notice.position for notice in made(5000)]
    assert places == [notice.position for notice in made(6000)]
    assert len(set(places)) == 4
    assert CLAIM not in places, "the event itself is evidence of its own"
    assert [notices.is_notice(place.topic) for place in (*places, CLAIM)] == [True] * 4 + [False]
    elsewhere = notices.disputed("a:b", (), Place(7, 1, "tool-call"), 0)
    assert elsewhere.position != places[0]


def test_a_long_name_makes_no_long_event_id() -> None:
    ids = {heard(notices.disputed("a:" + letter * 250, (), CLAIM, 0)).piece.event_id for letter in "xy"}
    assert len(ids) == 2
    assert max(map(len, ids)) <= 256
