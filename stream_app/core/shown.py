"""The only place where a call's facts become what a packet shows of its tool calls and of its evaluation."""

from __future__ import annotations

import re

from stream_app.core.packet import EvaluationResult, Segment, ToolEvidence
from stream_app.core.selection import Facts

_GROUP = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_.@-]{0,63}")
"""What names a group of calls; anything else may name somebody."""
OTHER = "other"


def segment_of(facts: Facts) -> Segment | None:
    """The groups that call-ended puts the call in; a name that may be somebody's is `other`."""
    call = facts.primary("call")
    if call is None:
        return None
    told = {name: call.event.get(name) for name in ("agentId", "queue", "language", "cohort")}
    if not any(told.values()):
        return None
    return Segment.from_dict(
        {name: group if group is None or _GROUP.fullmatch(group) else OTHER for name, group in told.items()}
    )


def key_names(facts: Facts) -> dict[str, str]:
    """`key-1`, `key-2` for idempotency keys, by their first use: equal keys show as equal, and none can be guessed."""
    keys = dict.fromkeys(tool.idempotency_key for tool in facts.tools if tool.idempotency_key)
    return {key: f"key-{number}" for number, key in enumerate(keys, 1)}


def tool_evidence_of(facts: Facts) -> tuple[ToolEvidence, ...]:
    """The call's tool calls as the packet shows them."""
    names = key_names(facts)
    return tuple(
        ToolEvidence(
            tool_call_id=tool.tool_call_id,
            occurrence=tool.occurrence,
            name=tool.name,
            argument_summary=tool.argument_summary,
            result_summary=tool.result_summary,
            status=tool.status,
            latency_ms=tool.latency_ms,
            retries=tool.retries,
            side_effect_proof=tool.side_effect_proof,
            findings=tool.findings,
            sequence=tool.sequence,
            idempotency_key=names.get(tool.idempotency_key or ""),
        )
        for tool in facts.tools
    )


def evaluation_of(facts: Facts) -> EvaluationResult | None:
    """The evaluation that speaks for the call, as the packet shows it."""
    primary = facts.primary("evaluation")
    if primary is None:
        return None
    event = primary.event
    return EvaluationResult(
        rubric=event.get("rubric"),
        rubric_version=event.get("rubricVersion"),
        label=event.get("label"),
        score=event.get("score"),
        evaluator_version=event.get("evaluatorVersion"),
        failure_label=event.get("failureLabel"),
    )
