"""The only place where a call's facts become what a packet shows of its tool calls and of its evaluation."""

from __future__ import annotations

from stream_app.core.packet import EvaluationResult, ToolEvidence
from stream_app.core.selection import Facts


def tool_evidence_of(facts: Facts) -> tuple[ToolEvidence, ...]:
    """The call's tool calls as the packet shows them."""
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
