from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stream_app.demo.ground_truth import Expected
from stream_app.demo.outcome import Seen, differences, latencies_ms, percentile, report

COMPLETE = Expected("c-1", "complete", frozenset(), frozenset({"failed_tool_call"}), times_out=False, parked=0)
GAP = Expected(
    "c-2", "incomplete", frozenset({("evaluation", "never_seen")}), frozenset({"customer_reported"}),
    times_out=True, parked=0,
)  # fmt: skip
QUIET = Expected("c-3", None, frozenset(), frozenset(), times_out=False, parked=0)
PARKED = Expected(
    "c-4", None, frozenset(), frozenset(), times_out=False, parked=2, orphans=frozenset({"livekitRoom:r/orphan/1"})
)
EXPECTED = [COMPLETE, GAP, QUIET, PARKED]


def packet(call: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "packetId": f"{call}/{version}", "canonicalCallId": call, "version": version, "status": "complete",
        "completedBy": "all_evidence", "missing": [], "selectionReason": "failed_tool_call", "otherReasons": [],
        "gates": [{"gate": "identity", "verdict": "pass"}],
        "evidence": [{"topic": "call-ended", "partition": 0, "offset": 1}],
    }  # fmt: skip
    return {**whole, **fields}


GAP_PACKET: dict[str, Any] = {
    "status": "incomplete", "completedBy": "deadline", "missing": [{"kind": "evaluation", "reason": "never_seen"}],
    "selectionReason": "customer_reported",
}  # fmt: skip


def alert(kind: str, call: str | None, alert_id: str, state: str = "firing") -> dict[str, Any]:
    return {"alertId": alert_id, "kind": kind, "state": state, "canonicalCallId": call}


def right() -> Seen:
    """Exactly what is expected."""
    seen = Seen()
    seen.packet(packet("c-1"), 1_500)
    seen.packet(packet("c-2", **GAP_PACKET), 2_000)
    seen.alert(alert("timed_out", "c-2", "c-2/timed_out/1"))
    seen.alert(alert("orphan", None, "livekitRoom:r/orphan/1"))
    return seen


def test_what_is_exactly_right_has_no_differences() -> None:
    assert differences(EXPECTED, right()) == []


def without(call: str) -> Seen:
    seen = right()
    del seen.packets[call]
    return seen


def changed(call: str, **fields: Any) -> Seen:
    seen = right()
    seen.packets[call] = {**seen.packets[call], **fields}
    return seen


def surplus(**fields: Any) -> Seen:
    seen = right()
    seen.packet(packet(**fields), 3_000)
    return seen


def silent(alert_id: str) -> Seen:
    seen = right()
    del seen.alerts[f"{alert_id} firing"]
    return seen


def loud() -> Seen:
    seen = right()
    seen.alert(alert("timed_out", "c-1", "c-1/timed_out/1"))
    return seen


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (without("c-1"), "c-1: no packet; expected complete"),
        (changed("c-1", status="blocked"), "c-1/1: is blocked, expected complete"),
        (
            changed("c-2", missing=[{"kind": "trace", "reason": "never_seen"}]),
            "c-2/1: misses [('trace', 'never_seen')]",
        ),
        (changed("c-2", missing=[{"kind": "evaluation", "reason": "declared_never"}]), "c-2/1: misses"),
        (changed("c-1", selectionReason="scheduled_sample"), "c-1/1: reasons ['scheduled_sample']"),
        (changed("c-1", otherReasons=["scheduled_sample"]), "c-1/1: reasons ['failed_tool_call', 'scheduled_sample']"),
        (surplus(call="c-3"), "c-3: has no reason, yet c-3/1 left"),
        (surplus(call="c-4"), "c-4: has no reason, yet c-4/1 left"),
        (surplus(call="c-9"), "c-9: a packet for a call that nobody made"),
        (silent("c-2/timed_out/1"), "c-2: timed_out alert expected, none came"),
        (silent("livekitRoom:r/orphan/1"), "c-4: orphan alert livekitRoom:r/orphan/1 expected, none came"),
        (loud(), "c-1: timed_out alert not expected"),
    ],
)
def test_every_kind_of_deviation_is_found_and_named(seen: Seen, text: str) -> None:
    found = differences(EXPECTED, seen)
    assert len(found) == 1
    assert found[0].startswith(text)


def blocked(by: str) -> Seen:
    return changed("c-1", status="blocked", gates=[{"gate": by, "verdict": "block"}])


@pytest.mark.parametrize(
    ("expected", "by", "right"),
    [
        (replace(COMPLETE, status="blocked"), "tool_evidence", True),
        (replace(COMPLETE, status="blocked"), "transcript", False),
        (replace(COMPLETE, may_block=True), "tool_evidence", True),
        (replace(COMPLETE, may_block=True), "transcript", False),
        (COMPLETE, "tool_evidence", False),
    ],
)
def test_only_an_unproved_claim_may_block_and_only_where_there_may_be_one(
    expected: Expected, by: str, right: bool
) -> None:
    assert (differences([expected, GAP, QUIET, PARKED], blocked(by)) == []) is right


def test_late_evidence_must_have_made_a_later_version() -> None:
    late = [replace(COMPLETE, superseded=True), *EXPECTED[1:]]
    seen = right()
    assert differences(late, seen) == ["c-1/1: late evidence came, but no later version"]
    seen.packet(packet("c-1", 2), 9_000)
    assert differences(late, seen) == []


def test_the_last_version_counts_in_whatever_order_they_are_read() -> None:
    for order in ((1, 2), (2, 1)):
        seen = Seen()
        for version in order:
            seen.packet(packet("c-1", version, status="complete" if version == 2 else "incomplete"), 1)
        assert differences([COMPLETE], seen) == []


def test_a_repeated_record_is_counted_and_changes_nothing() -> None:
    seen = right()
    seen.packet(packet("c-1", status="blocked"), 9_999)
    assert seen.again == 1
    assert seen.published["c-1/1"] == 1_500
    assert differences(EXPECTED, seen) == []


def test_latency_is_from_the_last_evidence_for_first_versions_that_evidence_completed() -> None:
    seen = Seen()
    evidence = [{"topic": "tool-call", "partition": 0, "offset": n} for n in (4, 5)]
    lost = [{"kind": "transcript", "reason": "fetch_failed"}]
    seen.packet(packet("c-1", evidence=evidence), 1_900)
    seen.packet(packet("c-1", 2, evidence=evidence), 5_000)
    seen.packet(packet("c-2", evidence=evidence, completedBy="deadline"), 6_000)
    seen.packet(packet("c-3", evidence=evidence, missing=lost), 7_000)
    assert latencies_ms(seen, {"tool-call/0/4": 1_000, "tool-call/0/5": 1_700}) == [200]


@pytest.mark.parametrize(
    ("values", "share", "answer"),
    [([], 0.5, None), ([7], 0.99, 7), ([1, 3], 0.5, 2), (list(range(101)), 0.5, 50), (list(range(101)), 0.99, 99)],
)
def test_percentiles(values: list[int], share: float, answer: int | None) -> None:
    assert percentile(values, share) == answer


def test_the_report_counts_last_versions() -> None:
    seen = right()
    seen.packet(packet("c-1", 2), 9_000)
    seen.dead_letters["not_json"] += 1
    figures = report(EXPECTED, seen, {"events": 9})
    assert figures["calls"] == 4
    assert figures["packets"] == {"complete": 1, "incomplete": 1}
    assert figures["missing"] == {"evaluation (never_seen)": 1}
    assert figures["reasons"] == {"customer_reported": 1, "failed_tool_call": 1}
    assert (figures["laterVersions"], figures["withoutReason"], figures["neverIdentified"]) == (1, 1, 1)
    assert figures["alerts"] == {"orphan firing": 1, "timed_out firing": 1}
    assert (figures["deadLetters"], figures["events"]) == ({"not_json": 1}, 9)
