"""The only place for the tool-evidence gate: what the agent did, with summaries, latency, retries and proof.

What the transcript claims is not judged yet; this gate looks at the reports alone.
"""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult


def check(subject: Subject) -> GateResult:
    """Blocks where required tool evidence is absent and unnamed; warns on gaps that a reviewer must know of."""
    gap = subject.gap("tools")
    if not subject.tools:
        block, warn = absence(subject, "tools")
        return verdict("tool_evidence", block=[] if _none_expected(subject) else block, warn=warn)
    warn = [] if gap is None else [f"tools are missing: {gap.reason}"]
    for tool in subject.facts.tools:
        name = f"tool call {tool.tool_call_id}/{tool.occurrence}"
        if tool.status == "succeeded" and tool.result_summary is None:
            warn.append(f"{name} succeeded without a result summary")
        if tool.latency_ms is None:
            warn.append(f"{name} has no latency")
        if tool.status == "succeeded" and tool.side_effect_kind == "write" and tool.side_effect_proof is None:
            warn.append(f"{name} wrote without proof of its effect")
        if "reports_disagree" in tool.findings:
            warn.append(f"{name}: its reports disagree")
    return verdict("tool_evidence", block=[], warn=warn)


def _none_expected(subject: Subject) -> bool:
    """The call itself says that it made no tool calls, or that no more will be reported."""
    call = subject.facts.primary("call")
    return call is not None and (call.event.get("expectedToolCalls") == 0 or bool(call.event.get("toolsFinal")))
