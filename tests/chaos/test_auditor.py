"""The auditor finds an offset that was committed before its effect stood, at each stage, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chaos.auditor import Sample, judge
from tests.chaos.reading import Record
from tests.chaos.report import Report

EVENT = "c1-000001-tool-1"
WHERE = {"topic": "tool-call", "partition": 0, "offset": 0}
ACCEPTED = {"position": WHERE, "event": {"eventId": EVENT}}


def record(topic: str, document: dict[str, Any], offset: int = 0) -> Record:
    return Record(topic, 0, offset, 0, b"k", json.dumps(document).encode(), {})


@pytest.fixture
def records() -> dict[str, list[Record]]:
    """One event on its way through the line."""
    return {
        "tool-call": [record("tool-call", {"eventId": EVENT})],
        "identity": [record("identity", {"record": "park", "alias": "a:b", "event": ACCEPTED})],
        "line-identity-identity-changelog": [record("line-identity-identity-changelog", {"parked": [ACCEPTED]})],
        "evidence": [record("evidence", {"record": "event", **ACCEPTED})],
        "line-join-join-changelog": [record("line-join-join-changelog", {"items": [{"eventId": EVENT}]})],
        "seal-orders": [record("seal-orders", {"orderId": "call/1", "items": [{"eventId": EVENT}]}, 5)],
        "packets": [record("packets", {"packetId": "call/1"}, 7)],
    }


ALL = {
    "identity": 1, "line-identity-identity-changelog": 1, "evidence": 1, "line-join-join-changelog": 1,
    "seal-orders": 6, "packets": 8,
}  # fmt: skip
COMMITTED = {"intake": "tool-call", "identity": "identity", "join": "evidence", "seal": "seal-orders"}
EFFECTS = {
    "intake": ("identity", "evidence"),
    "identity": ("evidence", "line-identity-identity-changelog"),
    "join": ("line-join-join-changelog", "seal-orders"),
    "seal": ("packets",),
}


def sample(stage: str, ends: dict[str, int]) -> Sample:
    topic = COMMITTED[stage]
    return Sample({stage: {(topic, 0): 6}}, {(name, 0): end for name, end in ends.items()})


@pytest.mark.parametrize("stage", COMMITTED)
def test_an_effect_that_stood_is_enough(stage: str, records: dict[str, list[Record]]) -> None:
    for effect in EFFECTS[stage]:
        report = Report()
        judge([sample(stage, {effect: ALL[effect]})], records, report)
        assert report.good, report.table()
        assert report.counts["positions below a committed offset"] == 1


@pytest.mark.parametrize("stage", COMMITTED)
def test_an_effect_that_came_later_or_never_is_found(stage: str, records: dict[str, list[Record]]) -> None:
    later = Report()
    judge([sample(stage, {name: end - 1 for name, end in ALL.items()}), sample(stage, ALL)], records, later)
    assert len(later.found["offset ahead of effects"]) == 1
    for effect in EFFECTS[stage]:
        records[effect] = []
    never = Report()
    judge([sample(stage, ALL)], records, never)
    assert len(never.found["offset ahead of effects"]) == 1


def test_what_is_not_committed_yet_needs_no_effect(records: dict[str, list[Record]]) -> None:
    report = Report()
    judge([Sample({stage: {} for stage in COMMITTED}, {})], records, report)
    assert report.good


CLAIM = "identity-linked:twilioCallSid:CAc1-000001=c1-000001:identity-linked/1/4"
NOTICE = {
    "record": "event", "canonicalCallId": "twilioCallSid:CAc1-000001", "event": {"eventId": CLAIM},
    "position": WHERE | {"topic": "identity:twilioCallSid:CAc1-000001=c1-000001:identity-linked"},
}  # fmt: skip


def test_a_notice_must_stand_in_its_calls_row() -> None:
    rows = {"evidence": [record("evidence", NOTICE)], "line-join-join-changelog": []}
    for row, violations in (({"items": [{"eventId": "identity-linked:c1-000001=other:x/0/0"}]}, 1), (NOTICE, 0)):
        report = Report()
        rows["line-join-join-changelog"] = [record("line-join-join-changelog", row)]
        judge([sample("join", ALL)], rows, report)
        assert len(report.found["offset ahead of effects"]) == violations


def test_what_came_to_a_merged_call_must_stand_in_its_row_or_have_gone_on() -> None:
    came = {"record": "event", "canonicalCallId": "c1-000001", **ACCEPTED}
    gone_on = {**came, "canonicalCallId": "twilioCallSid:CAc1-000001"}
    for then, violations in (([], 1), ([came], 2), ([gone_on], 0)):
        evidence = [record("evidence", one, offset) for offset, one in enumerate([came, *then])]
        report = Report()
        committed = Sample({"join": {("evidence", 0): 1 + len(then) * (violations > 0)}}, {("evidence", 0): 2})
        judge([committed], {"evidence": evidence}, report)
        assert len(report.found["offset ahead of effects"]) == violations


def test_a_merge_must_stand_in_the_row_of_the_call_that_is_another_one() -> None:
    told = {"type": "identity-merged", "eventId": "identity-merged:c1-000001:x/0/0", "into": "twilioCallSid:CA1"}
    merge = {"record": "event", "canonicalCallId": "c1-000001", "event": told, "position": WHERE}
    changelog = "line-join-join-changelog"
    for key, says, violations in (
        (b"call:c1-000001", "twilioCallSid:CA1", 0),
        (b"call:c1-000001", "", 1),
        (b"k", "", 1),
    ):
        row = Record(changelog, 0, 0, 0, key, says.encode(), {})
        report = Report()
        judge([sample("join", ALL)], {"evidence": [record("evidence", merge)], changelog: [row]}, report)
        assert len(report.found["offset ahead of effects"]) == violations


def test_a_clock_has_no_effect_of_its_own(records: dict[str, list[Record]]) -> None:
    records["evidence"] = [record("evidence", {"record": "clock"})]
    report = Report()
    judge([sample("join", {})], records, report)
    assert report.good
