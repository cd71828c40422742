"""The only place where a call's evidence becomes facts: the named values that conditions compare.

Pure and independent of order. The latest call-ended speaks for the call; every judgement counts, corrected ones too: a
flag that was raised once is a reason to look, and taking it back later must not make a packet depend on the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from stream_app.core.calls import Evidence
from stream_app.core.conditions import Value
from stream_app.core.evidence import Kind
from stream_app.core.tool_findings import MergedTool, count_and_findings, merged_tools

_CALL_FIELDS = (
    "queue", "language", "agentId", "agentVersion", "cohort", "region", "disconnectReason", "workflowAgent",
    "expectedToolCalls", "toolsFinal", "channels", "durationMs",
)  # fmt: skip
_MEASURES = ("minAsrConfidence", "minIntentConfidence", "maxSilenceMs", "p95ResponseMs", "interruptions")
_QUALITY = ("mos", "packetLossPct", "jitterMs")


class Facts(msgspec.Struct, frozen=True, dict=True):
    """What is known of one call. `values` holds known facts only, by their names in the policy."""

    call_id: str
    values: Mapping[str, Value]
    items: Sequence[Evidence]
    primaries: Mapping[Kind, Evidence]

    @cached_property
    def tools(self) -> tuple[MergedTool, ...]:
        """The call's tool calls, merged from all their reports."""
        return merged_tools(self.items)

    def primary(self, kind: Kind) -> Evidence | None:
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


def facts_of(call_id: str, items: Sequence[Evidence]) -> Facts:
    """The facts in this evidence, whatever its order and however often a piece is in it."""
    primaries: dict[Kind, Evidence] = {}
    evaluations: list[dict[str, Any]] = []
    tools: list[Evidence] = []
    reported: list[str] = []
    triggers: list[str] = []
    for item in items:
        kind = item.kind
        current = primaries.setdefault(kind, item)
        if current is not item and _rank(item) > _rank(current):
            primaries[kind] = item
        if kind == "tools":
            tools.append(item)
        elif kind == "evaluation":
            evaluations.append(item.event)
        elif kind == "report":
            reported.append(item.event.get("reportedBy", "customer"))
        elif kind == "selection":
            triggers.append(item.event["trigger"])
    values: dict[str, Value] = {}
    _add_call_facts(values, primaries)
    _add_evaluation_facts(values, evaluations)
    values["toolCalls"], values["toolFindings"] = count_and_findings(tools)
    if reported:
        values["reported"] = True
    values["reportedBy"] = frozenset(reported)
    values["triggers"] = frozenset(triggers)
    return Facts(call_id, values, items, primaries)


def _rank(item: Evidence) -> tuple[bool, int, str, str]:
    # The digest decides between two contents of one event ID, so that a conflict has one answer in every order.
    return (item.event.get("availability") != "never", item.occurred_at, item.event_id, item.digest)


def _add_call_facts(values: dict[str, Value], primaries: Mapping[Kind, Evidence]) -> None:
    call = primaries["call"].event if "call" in primaries else _NONE
    trace_id = call.get("traceId") or (primaries["trace"].event.get("traceId") if "trace" in primaries else None)
    if trace_id is not None:
        values["traceId"] = trace_id
    if call is _NONE:
        return
    measures = call.get("measures") or _NONE
    quality = measures.get("callQuality") or _NONE
    for source, names in ((call, _CALL_FIELDS), (measures, _MEASURES), (quality, _QUALITY)):
        for name in names:
            value = source.get(name)
            if value is not None:
                values[name] = value


def _add_evaluation_facts(values: dict[str, Value], evaluations: Sequence[dict[str, Any]]) -> None:
    labels: list[str] = []
    failures: list[str] = []
    flags: list[str] = []
    scores: list[float] = []
    failed: list[dict[str, Any]] = []
    for event in evaluations:
        if event.get("score") is not None:
            scores.append(event["score"])
        if event.get("label"):
            labels.append(event["label"])
        if event.get("failureLabel"):
            failures.append(event["failureLabel"])
        flags += event.get("policyFlags") or ()
        failed += [assertion for assertion in event.get("assertions") or () if not assertion["passed"]]
    if scores:
        values["evaluationScore"] = min(scores)
    values["evaluationLabels"] = frozenset(labels)
    values["failureLabels"] = frozenset(failures)
    values["failedAssertions"] = frozenset([assertion["name"] for assertion in failed])
    values["failedSeverities"] = frozenset([one["severity"] for one in failed if one.get("severity")])
    values["policyFlags"] = frozenset(flags)


_NONE: dict[str, Any] = {}
