"""Packets about to be sealed, for the gates' tests: the contract's call, and calls with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from stream_app.core.artifacts import Artifact, made_artifacts, stored
from stream_app.core.events import Reference
from stream_app.core.gates import GATES, Subject
from stream_app.core.orders import Conflict, Missing, SealOrder
from stream_app.core.packet import GateName, GateResult, SupersededVersion, Verdict
from stream_app.core.seal import Gathered
from stream_app.core.selection import facts_of
from stream_app.core.shown import evaluation_of, tool_evidence_of
from stream_app.core.transcripts import TranscriptReport, examine
from tests.examples import (
    AUDIO_SIZE,
    AUDIO_URI,
    PACKET_BUCKET,
    TRANSCRIPT,
    changed,
    contract_order,
    with_event,
    without,
)

Case = tuple[Verdict, Callable[[], Subject], str]
"""(the verdict, a packet, part of the reason given for it)."""


def result(name: GateName, subject: Subject) -> GateResult:
    """What the gate of this name says."""
    return next(gate(subject) for known, gate in GATES if known == name)


def holds(name: GateName, case: Case) -> None:
    """Assert that the gate says so of the case, and names its reason."""
    verdict, subject, told = case
    found = result(name, subject())
    assert found.verdict == verdict
    assert verdict == "pass" or any(told in reason for reason in found.reasons)


def gathered_for(order: SealOrder) -> Gathered:
    """What the contract's source objects come to."""
    transcript = stored("redactedTranscript", TRANSCRIPT, bucket=PACKET_BUCKET, retention_class="qa_180d")
    audio = Artifact(
        name="audio", uri=AUDIO_URI, sha256=sha256(bytes(AUDIO_SIZE)).hexdigest(), size_bytes=AUDIO_SIZE,
        media_type="audio/wav", redaction_state="redacted", retention_class="qa_180d",
    )  # fmt: skip
    made = made_artifacts(order, facts_of(order.canonical_call_id, order.items), PACKET_BUCKET)
    recording = next((item.event["reference"] for item in order.items if item.kind == "recording"), None)
    return Gathered(
        artifacts=(transcript.artifact, audio, *(one.artifact for one in made)),
        transcript=examine(TRANSCRIPT),
        recording=Reference.from_dict(recording) if recording else None,
    )


def subject_of(order: SealOrder, gathered: Gathered | None = None, *, missing: tuple[Missing, ...] = ()) -> Subject:
    """The subject that sealing makes of this order."""
    gathered = gathered or gathered_for(order)
    facts = facts_of(order.canonical_call_id, order.items)
    supersedes = None
    if order.supersedes is not None:
        supersedes = SupersededVersion(
            version=order.supersedes.version, manifest_hash="sha256:" + "1" * 64, reason=order.supersedes.reason
        )
    return Subject(
        order=order,
        facts=facts,
        missing=missing,
        artifacts=gathered.artifacts,
        transcript=gathered.transcript,
        recording=gathered.recording,
        tools=tool_evidence_of(facts),
        evaluation=evaluation_of(facts),
        supersedes=supersedes,
    )


@cache
def good_subject() -> Subject:
    """The contract's call."""
    return subject_of(contract_order())


_ARTIFACTS = {"transcript": "redactedTranscript", "recording": "audio", "tools": "toolEvidence"}


def unnamed(kind: str) -> Subject:
    """The contract's call without a required kind that nothing names as missing: only a fault makes such a packet."""
    order = without(contract_order(), kind)
    gathered = gathered_for(order)
    kept = tuple(one for one in gathered.artifacts if one.name != _ARTIFACTS.get(kind))
    transcript = None if kind == "transcript" else gathered.transcript
    return subject_of(order, replace(gathered, artifacts=kept, transcript=transcript))


def required(kind: Any) -> Subject:
    """The same, named as missing."""
    return replace(unnamed(kind), missing=(Missing(kind=kind, reason="never_seen"),))


def stating(**fields: Any) -> Subject:
    """The contract's call with a recording whose producer states something else."""
    subject = good_subject()
    assert subject.recording is not None
    return replace(subject, recording=subject.recording.model_copy(update=fields))


def evaluated(**fields: Any) -> Subject:
    """The contract's call with another evaluation; a field of `...` is left out."""
    return subject_of(with_event(contract_order(), "evt-01J9Z5", **fields))


def reviewed(*, base: Subject | None = None, **fields: Any) -> Subject:
    """The contract's call (or another subject's) with other review terms."""
    order = (base or good_subject()).order
    return subject_of(order.model_copy(update={"review": order.review.model_copy(update=fields)}))


def order_with(**fields: Any) -> Subject:
    """The contract's call, ordered with other fields."""
    return subject_of(contract_order().model_copy(update=fields))


def called(**fields: Any) -> Subject:
    """The contract's call with another call-ended."""
    return subject_of(with_event(contract_order(), "evt-01J9Z0", **fields))


def tooled(**fields: Any) -> Subject:
    """The contract's call with another report of its first tool call, which succeeded."""
    return subject_of(with_event(contract_order(), "evt-01J9Z1", **fields))


def half_of_the_tools() -> Subject:
    """The contract's call of which one tool call of two was never reported."""
    order = contract_order()
    items = tuple(item for item in order.items if item.event_id != "evt-01J9Z2")
    return subject_of(changed(order, items=items), missing=(Missing(kind="tools", reason="never_seen"),))


def without_tools(**fields: Any) -> Subject:
    """A call that made no tool call, and says so."""
    return subject_of(with_event(without(contract_order(), "tools"), "evt-01J9Z0", **fields))


def optional(kind: Any) -> Subject:
    """The contract's call without this kind, under a policy that does not ask for it."""
    subject = unnamed(kind)
    review = subject.order.review
    kept = review.model_copy(update={"required": tuple(one for one in review.required if one != kind)})
    return replace(subject, order=changed(subject.order, review=kept))


def unreadable(problem: str) -> Subject:
    """The contract's call with a transcript that turned out to be none."""
    subject = unnamed("transcript")
    return replace(subject, transcript=TranscriptReport(problems=(problem,)))


def artifact_with(name: str, **fields: Any) -> Subject:
    """The contract's call with another description of one artifact."""
    subject = good_subject()
    changed_ones = (one.model_copy(update=fields) if one.name == name else one for one in subject.artifacts)
    return replace(subject, artifacts=tuple(changed_ones))


def doubled(name: str) -> Subject:
    """The contract's call with one artifact in it twice."""
    subject = good_subject()
    return replace(subject, artifacts=(*subject.artifacts, *(one for one in subject.artifacts if one.name == name)))


def superseding(*, version: int, manifest_hash: str) -> Subject:
    """The contract's call as version 2."""
    former = SupersededVersion(version=version, manifest_hash=manifest_hash, reason="late_evidence")
    return replace(order_with(version=2), supersedes=former)


def with_conflict() -> Subject:
    """The contract's call with two contents of one event ID."""
    item = contract_order().items[0]
    conflict = Conflict(
        event_id=item.event_id, digests=(item.digest, "f" * 64), positions=(item.position, item.position)
    )
    return subject_of(contract_order().model_copy(update={"conflicts": (conflict,)}))
