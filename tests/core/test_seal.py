"""From order to manifest: status, missing kinds, versions, findings; the same input always gives the same bytes."""

from __future__ import annotations

import pytest

from stream_app.core.canonical import is_canonical
from stream_app.core.manifest import Manifest, manifest_bytes, read_manifest
from stream_app.core.orders import Missing, SealOrder, Supersedes
from stream_app.core.packet import GateResult
from stream_app.core.seal import Gathered, decide, order_digest, status_of
from stream_app.core.selection import facts_of
from tests.core.gates.subjects import gathered_for, with_conflict
from tests.examples import PRODUCED_BY, changed, contract_order, with_event, without


def sealed(order: SealOrder, gathered: Gathered | None = None) -> Manifest:
    facts = facts_of(order.canonical_call_id, order.items)
    return decide(order, facts, gathered or gathered_for(order), PRODUCED_BY)


GOOD = GateResult(gate="audio", verdict="pass")
WARN = GateResult(gate="audio", verdict="warn", reasons=("a",))
BLOCK = GateResult(gate="audio", verdict="block", reasons=("a",))
GAP = (Missing(kind="trace", reason="never_seen"),)


@pytest.mark.parametrize(
    ("gates", "missing", "status"),
    [
        ((GOOD,), (), "complete"),
        ((GOOD, WARN), (), "complete"),
        ((GOOD, WARN), GAP, "incomplete"),
        ((GOOD, BLOCK), (), "blocked"),
        ((BLOCK, WARN), GAP, "blocked"),
    ],
)
def test_blocked_over_incomplete_over_complete(
    gates: tuple[GateResult, ...], missing: tuple[Missing, ...], status: str
) -> None:
    assert status_of(gates, missing) == status


def test_the_same_order_gives_the_same_bytes() -> None:
    first, again = manifest_bytes(sealed(contract_order())), manifest_bytes(sealed(contract_order()))
    assert first == again
    assert is_canonical(first)
    assert read_manifest(first) == sealed(contract_order())


def test_an_order_is_known_by_its_digest_through_the_wire_and_any_change_shows() -> None:
    order = contract_order()
    assert order_digest(SealOrder.from_dict(order.to_dict())) == order_digest(order)
    assert order_digest(changed(order, version=2)) != order_digest(order)
    assert order_digest(with_event(order, "evt-01J9Z5", score=0.43)) != order_digest(order)


def test_what_sealing_could_not_read_is_named_beside_what_never_came() -> None:
    order = without(contract_order(), "trace")
    order = changed(order, completed_by="deadline", missing=GAP)
    absent = (
        Missing(kind="transcript", reason="fetch_failed", detail="there is no such object"),
        Missing(kind="recording", reason="withheld_by_policy"),
    )
    gathered = gathered_for(order)
    kept = tuple(one for one in gathered.artifacts if one.name not in ("redactedTranscript", "audio"))
    manifest = sealed(order, Gathered(absent=absent, artifacts=kept))
    assert manifest.status == "incomplete"
    assert [(gap.kind, gap.reason) for gap in manifest.missing] == [
        ("transcript", "fetch_failed"),
        ("recording", "withheld_by_policy"),
        ("trace", "never_seen"),
    ]
    assert {one.gate: one.verdict for one in manifest.gates if one.verdict != "pass"} == {
        "transcript": "warn",
        "audio": "warn",
        "trace": "warn",
    }
    assert manifest.artifacts.redacted_transcript_uri is None


def test_a_conflict_blocks_and_keeps_all_digests() -> None:
    manifest = sealed(with_conflict().order)
    assert manifest.status == "blocked"
    assert "f" * 64 in manifest.conflicts[0].digests
    assert [one.event_id for one in manifest.findings if one.finding == "conflicting_contents"] == ["evt-01J9Z0"]


def test_a_skewed_clock_is_a_finding() -> None:
    order = contract_order()
    items = (order.items[0].model_copy(update={"skewed": True}), *order.items[1:])
    found = [one for one in sealed(changed(order, items=items)).findings if one.finding == "clock_skew"]
    assert [one.event_id for one in found] == [order.items[0].event_id]


def test_a_later_version_names_its_predecessor_or_is_blocked() -> None:
    order = changed(contract_order(), version=2, supersedes=Supersedes(version=1, reason="late_evidence"))
    gathered = gathered_for(order)
    known = Gathered(gathered.absent, gathered.artifacts, gathered.transcript, gathered.recording, "sha256:" + "a" * 64)
    manifest = sealed(order, known)
    assert manifest.status == "complete"
    assert manifest.supersedes is not None
    assert manifest.supersedes.manifest_hash == "sha256:" + "a" * 64
    orphaned = sealed(order, gathered)
    assert orphaned.status == "blocked"
    assert orphaned.supersedes is not None
    assert orphaned.supersedes.manifest_hash == "unknown"


def test_figures_only_carry_no_evidence_of_the_call() -> None:
    order = contract_order()
    order = changed(order, review=order.review.model_copy(update={"export_level": "aggregate_only"}))
    manifest = sealed(order, Gathered())
    assert (manifest.status, manifest.redaction_state) == ("complete", "aggregate_only")
    assert manifest.tool_evidence == ()
    assert manifest.objects == ()


def test_an_orphan_is_sealed_without_what_only_call_ended_knows() -> None:
    order = without(contract_order(), "call", "transcript")
    gaps = (Missing(kind="call", reason="never_seen"), Missing(kind="transcript", reason="never_seen"))
    order = changed(order, missing=gaps, completed_by="orphan_deadline")
    gathered = gathered_for(order)
    kept = tuple(one for one in gathered.artifacts if one.name != "redactedTranscript")
    manifest = sealed(order, Gathered(artifacts=kept, recording=gathered.recording))
    assert manifest.status == "incomplete"
    assert manifest.agent_version is None
