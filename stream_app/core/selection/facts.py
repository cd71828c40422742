"""The only place where a call's evidence becomes facts: the named values that conditions compare.

Pure and independent of order. Several call-ended events are read as one (`merged_calls`); every judgement counts,
corrected ones too: a flag that was raised once is a reason to look, and taking it back later must not make a packet
depend on the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec

from stream_app.core.calls import Evidence
from stream_app.core.conditions import FactName, Value
from stream_app.core.evidence import Kind
from stream_app.core.merged_calls import merged
from stream_app.core.statements import (
    ArtifactStated,
    CallStated,
    Checked,
    EvaluationStated,
    ReportStated,
    SelectionStated,
)
from stream_app.core.tool_findings import MergedTool, count_and_findings, merged_tools
from stream_app.core.tool_rules import ToolRules

_Get = Callable[[Any], Any]
_CALL: tuple[tuple[FactName, _Get], ...] = (
    ("queue", attrgetter("queue")),
    ("language", attrgetter("language")),
    ("agentId", attrgetter("agent_id")),
    ("agentVersion", attrgetter("agent_version")),
    ("cohort", attrgetter("cohort")),
    ("region", attrgetter("region")),
    ("disconnectReason", attrgetter("disconnect_reason")),
    ("workflowAgent", attrgetter("workflow_agent")),
    ("expectedToolCalls", attrgetter("expected_tool_calls")),
    ("toolsFinal", attrgetter("tools_final")),
    ("channels", attrgetter("channels")),
    ("durationMs", attrgetter("duration_ms")),
)
"""Facts and where a call-ended states them; so below for its measures and the line's quality."""
_MEASURES: tuple[tuple[FactName, _Get], ...] = (
    ("minAsrConfidence", attrgetter("min_asr_confidence")),
    ("minIntentConfidence", attrgetter("min_intent_confidence")),
    ("maxSilenceMs", attrgetter("max_silence_ms")),
    ("p95ResponseMs", attrgetter("p95_response_ms")),
    ("interruptions", attrgetter("interruptions")),
)
_QUALITY: tuple[tuple[FactName, _Get], ...] = (
    ("mos", attrgetter("mos")),
    ("packetLossPct", attrgetter("packet_loss_pct")),
    ("jitterMs", attrgetter("jitter_ms")),
)
_NONE: frozenset[str] = frozenset()


class Facts(msgspec.Struct, frozen=True, dict=True):
    """What is known of one call. `values` holds known facts only, by their names in the policy."""

    call_id: str
    values: Mapping[str, Value]
    items: Sequence[Evidence]
    primaries: Mapping[Kind, Evidence]
    calls: int = 0
    """How many call-ended events there are."""
    rules: ToolRules | None = None
    """What the call's policy knows of tools."""

    @cached_property
    def tools(self) -> tuple[MergedTool, ...]:
        """The call's tool calls, merged from all their reports."""
        return merged_tools(self.items, self.rules)

    def primary(self, kind: Kind) -> Evidence | None:
        """The piece of evidence that speaks for its kind: the latest; of artifacts, one that is there before one
        that never comes; of call-ended events all, as one. None where there is none: a reference inside call-ended is
        not a piece of its own."""
        return self.primaries.get(kind)

    def reference(self, kind: Kind) -> dict[str, Any] | None:
        """Where the transcript, recording or log lies: the artifact's own event says, else the call-ended does."""
        own = self.primaries.get(kind)
        if own is not None and own.event.get("reference") is not None and own.event.get("availability") == "ready":
            reference: dict[str, Any] = own.event["reference"]
            return reference
        call = self.primaries.get("call")
        return call.event.get(kind) if call is not None and kind in ("transcript", "recording") else None


def facts_of(call_id: str, items: Sequence[Evidence], rules: ToolRules | None = None) -> Facts:
    """The facts in this evidence, whatever its order and however often a piece is in it."""
    primaries: dict[Kind, Evidence] = {}
    evaluations: list[EvaluationStated] = []
    tools: list[Evidence] = []
    reported: list[str] = []
    triggers: list[str] = []
    calls: list[Evidence] = []
    for item in items:
        kind = item.kind
        current = primaries.get(kind)
        if current is None or _rank(item) > _rank(current):
            primaries[kind] = item
        if kind == "tools":
            tools.append(item)
            continue
        statement = item.statement
        if isinstance(statement, CallStated):
            calls.append(item)
        elif isinstance(statement, EvaluationStated):
            evaluations.append(statement)
        elif isinstance(statement, ReportStated):
            reported.append(statement.reported_by)
        elif isinstance(statement, SelectionStated):
            triggers.append(statement.trigger)
    if len(calls) > 1:
        apart = {(call.event_id, call.digest): call for call in calls}
        primaries["call"] = merged(sorted(apart.values(), key=_rank))
    values: dict[str, Value] = {}
    _add_call_facts(values, primaries)
    _add_evaluation_facts(values, evaluations)
    blamed = rules is not None and any(rules.blamed(name) is not None for name in values["failedAssertions"])  # type: ignore[union-attr]
    values["toolCalls"], values["toolFindings"] = count_and_findings(tools, rules, blamed)
    if reported:
        values["reported"] = True
    values["reportedBy"] = frozenset(reported) if reported else _NONE
    values["triggers"] = frozenset(triggers) if triggers else _NONE
    return Facts(call_id, values, items, primaries, len(calls), rules)


def _rank(item: Evidence) -> tuple[bool, int, str, str]:
    # The digest decides between two contents of one event ID, so that a conflict has one answer in every order.
    statement = item.statement
    never = isinstance(statement, ArtifactStated) and statement.availability == "never"
    return (not never, item.occurred_at, item.event_id, item.digest)


def _add_call_facts(values: dict[str, Value], primaries: Mapping[Kind, Evidence]) -> None:
    primary = primaries.get("call")
    call = primary.statement if primary is not None else None
    trace_id = call.trace_id if call is not None else None
    if not trace_id and "trace" in primaries:
        trace_id = primaries["trace"].statement.trace_id
    if trace_id is not None:
        values["traceId"] = trace_id
    if not isinstance(call, CallStated):
        return
    for name, get in _CALL:
        value = get(call)
        if value is not None:
            values[name] = value
    measures = call.measures
    if measures is None:
        return
    for name, get in _MEASURES:
        value = get(measures)
        if value is not None:
            values[name] = value
    quality = measures.call_quality
    if quality is not None:
        for name, get in _QUALITY:
            value = get(quality)
            if value is not None:
                values[name] = value


def _add_evaluation_facts(values: dict[str, Value], evaluations: Sequence[EvaluationStated]) -> None:
    labels: list[str] = []
    failures: list[str] = []
    flags: list[str] = []
    scores: list[float] = []
    failed: list[Checked] = []
    for stated in evaluations:
        if stated.score is not None:
            scores.append(stated.score)
        if stated.label:
            labels.append(stated.label)
        if stated.failure_label:
            failures.append(stated.failure_label)
        if stated.policy_flags:
            flags += stated.policy_flags
        for assertion in stated.assertions:
            if not assertion.passed:
                failed.append(assertion)
    if scores:
        values["evaluationScore"] = min(scores)
    values["evaluationLabels"] = frozenset(labels) if labels else _NONE
    values["failureLabels"] = frozenset(failures) if failures else _NONE
    values["policyFlags"] = frozenset(flags) if flags else _NONE
    if failed:
        values["failedAssertions"] = frozenset([one.name for one in failed])
        values["failedSeverities"] = frozenset([one.severity for one in failed if one.severity])
    else:
        values["failedAssertions"] = values["failedSeverities"] = _NONE
