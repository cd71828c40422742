"""The only place for the call that gates are tried on: an invented one with nothing wrong, and single changes to it.

It is a document, so that what a gate was tried on can be hashed, and read by a person.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from stream_app.core.artifacts import Artifact
from stream_app.core.claims import Claim, Compared
from stream_app.core.events import Reference
from stream_app.core.gates.subject import Subject
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.packet import SupersededVersion
from stream_app.core.selection import facts_of
from stream_app.core.shown import evaluation_of, tool_evidence_of
from stream_app.core.transcripts import TranscriptReport
from stream_app.core.wav import Measured

ABSENT = "(absent)"
"""As a change's value: the field, or the entry of a list, is left out."""

Change = tuple[str, Any]
"""(dotted path into EXAMPLE, what stands there instead)."""

_TRACE = "00000000000000000000000000000e7a"
_AT = "2026-01-15T10:04:{:02d}.000Z"
_KINDS = ("call", "tools", "recording", "trace", "evaluation")
_EVENTS: dict[str, dict[str, Any]] = {
    "call": {
        "type": "call-ended", "agentVersion": "library-agent@7", "channels": 2, "durationMs": 60_000,
        "endedAt": "2026-01-15T10:04:00.000Z", "expectedToolCalls": 1, "traceId": _TRACE,
        "aliases": {"livekitRoom": "library-17"},
        "transcript": {"uri": "s3://source/t.json", "redactionState": "redacted", "mediaType": "application/json"},
    },
    "tools": {
        "type": "tool-call", "toolCallId": "t1", "occurrence": 1, "name": "renew_loan", "status": "succeeded",
        "argumentSummary": "loanId: string", "resultSummary": "renewed: true", "latencyMs": 90, "retries": 0,
        "sideEffect": {"kind": "write", "proof": "loan ledger"}, "aliases": {}, "sequence": 1,
    },
    "recording": {
        "type": "artifact-ready", "artifact": "recording", "availability": "ready", "aliases": {},
        "reference": {"uri": "s3://source/a.wav", "redactionState": "redacted", "mediaType": "audio/wav"},
    },
    "trace": {
        "type": "trace-completed", "traceId": _TRACE, "aliases": {},
        "keySpans": [{"name": "asr", "count": 4, "errors": 0, "p95Ms": 120}],
    },
    "evaluation": {
        "type": "evaluation-completed", "evaluationId": "e1", "rubric": "renewal", "rubricVersion": "2",
        "evaluator": "judge", "evaluatorVersion": "5", "score": 0.3, "label": "task_failed",
        "failureLabel": "wrong_loan", "policyFlags": [], "aliases": {},
        "assertions": [{"name": "renewed_the_right_loan", "passed": False, "severity": "high"}],
    },
}  # fmt: skip


def _item(number: int, kind: str) -> dict[str, Any]:
    event_id, at = f"event-{number}", _AT.format(number)
    return {
        "kind": kind, "eventId": event_id, "position": {"topic": "example", "partition": 0, "offset": number},
        "receivedAt": at, "occurredAt": at, "skewed": False, "digest": f"{number:064x}",
        "event": {"schemaVersion": 1, "eventId": event_id, "source": "example", "occurredAt": at, **_EVENTS[kind]},
    }  # fmt: skip


def _artifact(number: int, name: str, media_type: str) -> dict[str, Any]:
    return {
        "name": name, "uri": f"s3://packets/{name}", "sha256": f"{number:064x}", "sizeBytes": 100,
        "mediaType": media_type, "redactionState": "redacted", "retentionClass": "example",
    }  # fmt: skip


EXAMPLE: dict[str, Any] = {
    "order": {
        "orderId": "example/1", "canonicalCallId": "example", "version": 1, "completedBy": "all_evidence",
        "decidedAt": _AT.format(9), "endedAt": _AT.format(0),
        "aliases": {"livekitRoom": "library-17", "traceId": _TRACE},
        "selection": {"reason": "failed_tool_call", "priority": "highest"},
        "review": {
            "owner": "engineering", "reviewers": ["engineering"], "slaMs": 86_400_000, "retentionClass": "example",
            "allowedOutcomes": ["no_issue", "bug", "promote_to_regression", "needs_compliance_review"],
            "exportLevel": "redacted_packet",
            "required": ["call", "transcript", "tools", "recording", "trace", "evaluation"],
        },
        "policy": {"version": "example", "sha256": "0" * 64},
        "items": [_item(number, kind) for number, kind in enumerate(_KINDS)],
    },
    "missing": [],
    "artifacts": [
        _artifact(1, "redactedTranscript", "application/json"),
        _artifact(2, "audio", "audio/wav"),
        _artifact(3, "toolEvidence", "application/json"),
    ],
    "transcript": {"turns": 4, "speakers": 2, "problems": []},
    "recording": {"uri": "s3://source/a.wav", "redactionState": "redacted", "channels": 2, "durationMs": 60_000},
    "measured": {"channels": 2, "durationMs": 59_500},
    "recordingProblem": None,
    "supersedes": None,
    "unproved": [],
    "unsaid": [],
    "leaks": [],
}  # fmt: skip
"""The call, complete and proved: every gate passes it."""


def changed_example(changes: tuple[Change, ...] = ()) -> dict[str, Any]:
    """EXAMPLE with these changes, in their order. Raises KeyError or IndexError for a path that is not there."""
    document = deepcopy(EXAMPLE)
    for path, value in changes:
        at: Any = document
        *before, last = path.split(".")
        for part in before:
            at = at[int(part)] if isinstance(at, list) else at[part]
        key: Any = int(last) if isinstance(at, list) else last
        if value == ABSENT:
            del at[key]
        else:
            at[key] = deepcopy(value)
    return document


def subject_of(document: dict[str, Any]) -> Subject:
    """The packet that this document describes, as a gate sees it. Raises pydantic.ValidationError."""
    order = SealOrder.from_dict(document["order"])
    facts = facts_of(order.canonical_call_id, order.items)
    told, measured = document["transcript"], document["measured"]
    return Subject(
        order=order,
        facts=facts,
        missing=tuple(Missing.from_dict(one) for one in document["missing"]),
        artifacts=tuple(Artifact.from_dict(one) for one in document["artifacts"]),
        transcript=told and TranscriptReport(told["turns"], told["speakers"], tuple(told["problems"])),
        recording=document["recording"] and Reference.from_dict(document["recording"]),
        tools=tool_evidence_of(facts),
        evaluation=evaluation_of(facts),
        supersedes=document["supersedes"] and SupersededVersion.from_dict(document["supersedes"]),
        claims=Compared(
            tuple(Claim(turn, action, "example") for turn, action in document["unproved"]),
            tuple((name, count) for name, count in document["unsaid"]),
        ),
        measured=measured and Measured(measured["channels"], measured["durationMs"]),
        recording_problem=document["recordingProblem"],
        leaks=tuple(document["leaks"]),
    )
