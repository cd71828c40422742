"""The only place that says what must come out of the replay, from what was put in: rules of its own, not the join's.

Written from the published policy and the product's rules, on purpose without the code that it checks; only the
sample's keyed hash and the precedence of aliases are taken from there, because neither has a truth of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stream_app.core.identities import by_precedence
from stream_app.core.policy import Policy
from stream_app.core.selection.samples import is_drawn, stratum_of
from stream_app.demo.convert import ConvertedCall

NEEDS_TRACE = {"customer_reported", "failed_tool_call", "regression_candidate", "latency_or_silence"}
FROM_EVALUATION = {"unsafe_or_noncompliant", "regression_candidate"}
TROUBLE = {"failed", "timed_out", "invalid_result"}


@dataclass(frozen=True)
class Expected:
    """What must be seen of one call at the end."""

    call_id: str
    status: Literal["complete", "incomplete", "blocked"] | None
    """Of the last version; None: no packet may leave."""
    missing: frozenset[tuple[str, str]]
    """(kind, reason) of the last version."""
    reasons: frozenset[str]
    times_out: bool
    """Whether a `timed_out` alert must be raised."""
    parked: int
    """Records that must still wait at aliases nobody linked; a re-send waits beside the first."""
    orphans: frozenset[str] = frozenset()
    """IDs of the orphan alerts that must be raised: for each alias that evidence waits at, or for the call itself."""
    superseded: bool = False
    """Whether late evidence must have made a later version."""
    may_block: bool = False
    """Whether the tool-evidence gate may block it too: nobody says what the agent claims in this conversation."""


def expect(call: ConvertedCall, policy: Policy) -> Expected:
    """Work out one call's end."""
    ended = call.sent("call-ended")
    if call.plan == "no_call_ended_aliases":
        waiting = frozenset(f"{_waits_at(event.document)}/orphan/1" for event in call.events)
        return Expected(
            call.call_id, None, frozenset(), frozenset(), times_out=False, parked=len(call.events), orphans=waiting
        )
    reasons = _reasons(call, policy)
    missing = _missing(call, reasons, late_is_there=True)
    waits = {kind for kind, why in _missing(call, reasons, late_is_there=False) if why == "never_seen"}
    if call.plan == "transcript_lost" and ended:
        missing = missing | {("transcript", "fetch_failed")}
    # A claim without proof blocks where there is a transcript to claim it in, and no report of a tool is missing.
    heard = not {kind for kind, _ in missing} & {"transcript", "tools"} and _judged(call)
    unproved = heard and call.conversation.unproved is True
    return Expected(
        call_id=call.call_id,
        status=None if not reasons else "blocked" if unproved else "incomplete" if missing else "complete",
        missing=frozenset(missing if reasons else ()),
        reasons=frozenset(reasons),
        times_out=bool(ended) and bool(waits),
        parked=0,
        orphans=frozenset() if ended or reasons else frozenset({f"{call.call_id}/orphan/1"}),
        superseded=call.plan == "late_evaluation" and bool(reasons - FROM_EVALUATION),
        may_block=heard and call.conversation.unproved is None,
    )


def _judged(call: ConvertedCall) -> bool:
    """The claim rules know English; a language that nobody states is told by the words."""
    language = call.conversation.language
    return language is None or language.lower().startswith("en")


def _waits_at(event: dict[str, Any]) -> str:
    """The alias that an event without canonical ID waits under: the best known of those it carries."""
    names = dict(event.get("aliases", {}))
    if "traceId" in event:
        names["traceId"] = event["traceId"]
    return by_precedence(names)[0]


def _reasons(call: ConvertedCall, policy: Policy) -> set[str]:
    reasons: set[str] = set()
    if call.sent("call-reported"):
        reasons.add("customer_reported")
    tools = call.sent("tool-call")
    if any(tool["status"] in TROUBLE for tool in tools) or _written_twice(tools):
        reasons.add("failed_tool_call")
    for judged in call.sent("evaluation-completed"):
        if judged["policyFlags"]:
            reasons.add("unsafe_or_noncompliant")
        if judged["label"] == "task_failed":
            reasons.add("regression_candidate")
    if call.sent("call-ended"):
        # A measure that is null was not taken.
        measures = {name: value for name, value in call.conversation.measures.items() if value is not None}
        if measures.get("minAsrConfidence", 1) < 0.6 or measures.get("minIntentConfidence", 1) < 0.5:
            reasons.add("low_confidence_turn")
        slow = measures.get("maxSilenceMs", 0) > 5000 or measures.get("p95ResponseMs", 0) > 3000
        if slow or measures.get("interruptions", 0) > 5:
            reasons.add("latency_or_silence")
    return reasons | _samples(call, policy)


def _written_twice(tools: list[dict[str, Any]]) -> bool:
    keys = [
        tool["sideEffect"]["idempotencyKey"]
        for tool in tools
        if tool["sideEffect"] and tool["sideEffect"]["idempotencyKey"] and tool["status"] == "succeeded"
    ]
    return len(keys) != len(set(keys))


def _samples(call: ConvertedCall, policy: Policy) -> set[str]:
    ended = call.sent("call-ended")
    if not ended:
        return set()  # Nobody can say which stratum it belongs to.
    known = {name: ended[0][name] for name in ("agentId", "queue", "language", "cohort")}
    drawn: set[str] = set()
    for row in policy.reasons:
        if row.sample is not None:
            stratum = stratum_of(row.sample, {name: value for name, value in known.items() if value is not None})
            if is_drawn(row.sample, row.reason, stratum, call.call_id):
                drawn.add(row.reason)
    return drawn


def _missing(call: ConvertedCall, reasons: set[str], *, late_is_there: bool) -> set[tuple[str, str]]:
    missing: set[tuple[str, str]] = set()
    ended = call.sent("call-ended")
    if not ended:
        missing.add(("call", "never_seen"))
    artifacts = call.sent("artifact-ready")
    ready = {one["artifact"] for one in artifacts if one["availability"] == "ready"}
    ready |= {kind for kind in ("transcript", "recording") if ended and ended[0][kind]}
    if "transcript" not in ready:
        missing.add(("transcript", "never_seen"))
    if ended and "recording" not in ready:
        missing.add(("recording", "declared_never" if call.plan == "never_recording" else "never_seen"))
    evaluated = bool(call.sent("evaluation-completed")) and (late_is_there or call.plan != "late_evaluation")
    if not evaluated:
        missing.add(("evaluation", "never_seen"))
    tools = {(tool["toolCallId"], tool["occurrence"]) for tool in call.sent("tool-call")}
    if ended and len(tools) < ended[0]["expectedToolCalls"]:
        missing.add(("tools", "never_seen"))
    if reasons & NEEDS_TRACE and not call.sent("trace-completed"):
        missing.add(("trace", "never_seen"))
    return missing
