"""The only place where a call's evidence becomes facts: the named values that conditions compare.

Pure and independent of order. The latest call-ended speaks for the call; every judgement counts, corrected ones too: a
flag that was raised once is a reason to look, and taking it back later must not make a packet depend on the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.core.conditions import Value
from stream_app.core.evidence import Kind
from stream_app.core.orders import Item
from stream_app.core.tool_findings import MergedTool, merged_tools

_CALL_FIELDS = (
    "queue", "language", "agentId", "agentVersion", "cohort", "region", "disconnectReason", "workflowAgent",
    "expectedToolCalls", "toolsFinal", "channels", "durationMs",
)  # fmt: skip
_MEASURES = ("minAsrConfidence", "minIntentConfidence", "maxSilenceMs", "p95ResponseMs", "interruptions")
_QUALITY = ("mos", "packetLossPct", "jitterMs")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one call. `values` holds known facts only, by their names in the policy."""

    call_id: str
    values: Mapping[str, Value]
    tools: tuple[MergedTool, ...]
    primaries: Mapping[Kind, Item]

    def primary(self, kind: Kind) -> Item | None:
        """The piece of evidence that speaks for its kind: the latest; of artifacts, one that is there before one
        that never comes. None where there is none: a reference inside call-ended is not a piece of its own."""
        return self.primaries.get(kind)

    def reference(self, kind: Kind) -> dict[str, Any] | None:
        """Where the transcript, recording or log lies: the artifact's own event says, else the call-ended does."""
        own = self.primaries.get(kind)
        if own is not None and own.event.get("reference") is not None and own.event.get("availability") == "ready":
            reference: dict[str, Any] = own.event["reference"]
            return reference
        call = self.primaries.get("call")
        return call.event.get(kind) if call is not None and kind in ("transcript", "recording") else None


def facts_of(call_id: str, items: Sequence[Item]) -> Facts:
    """The facts in this evidence, whatever its order and however often a piece is in it."""
    primaries: dict[Kind, Item] = {}
    for item in items:
        current = primaries.get(item.kind)
        if current is None or _rank(item) > _rank(current):
            primaries[item.kind] = item
    tools = merged_tools(items)
    stated: dict[str, Value | None] = {
        **_call_facts(primaries),
        **_evaluation_facts(item.event for item in items if item.kind == "evaluation"),
        "toolCalls": len(tools),
        "toolFindings": frozenset(finding for tool in tools for finding in tool.findings),
        "reported": True if "report" in primaries else None,
        "reportedBy": frozenset(item.event.get("reportedBy", "customer") for item in items if item.kind == "report"),
        "triggers": frozenset(item.event["trigger"] for item in items if item.kind == "selection"),
    }
    return Facts(
        call_id=call_id,
        values={name: value for name, value in stated.items() if value is not None},
        tools=tools,
        primaries=primaries,
    )


def _rank(item: Item) -> tuple[bool, int, str, str]:
    # The digest decides between two contents of one event ID, so that a conflict has one answer in every order.
    return (item.event.get("availability") != "never", item.occurred_at, item.event_id, item.digest)


def _call_facts(primaries: Mapping[Kind, Item]) -> dict[str, Value | None]:
    call = primaries["call"].event if "call" in primaries else {}
    trace = primaries["trace"].event if "trace" in primaries else {}
    measures = call.get("measures") or {}
    quality = measures.get("callQuality") or {}
    return {
        **{name: call.get(name) for name in _CALL_FIELDS},
        **{name: measures.get(name) for name in _MEASURES},
        **{name: quality.get(name) for name in _QUALITY},
        "traceId": call.get("traceId") or trace.get("traceId"),
    }


def _evaluation_facts(events: Iterable[dict[str, Any]]) -> dict[str, Value | None]:
    evaluations = list(events)
    failed = [
        assertion for event in evaluations for assertion in event.get("assertions") or () if not assertion["passed"]
    ]
    scores = [event["score"] for event in evaluations if event.get("score") is not None]
    return {
        "evaluationLabels": frozenset(event["label"] for event in evaluations if event.get("label")),
        "evaluationScore": min(scores, default=None),
        "failureLabels": frozenset(event["failureLabel"] for event in evaluations if event.get("failureLabel")),
        "failedAssertions": frozenset(assertion["name"] for assertion in failed),
        "failedSeverities": frozenset(assertion["severity"] for assertion in failed if assertion.get("severity")),
        "policyFlags": frozenset(flag for event in evaluations for flag in event.get("policyFlags") or ()),
    }
