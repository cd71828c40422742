"""The only place for the tool-evidence gate: what the agent did, with summaries, latency, retries and proof.

What the agent claims is compared with its tool calls before (`core.claims`); this gate judges what that came to.
"""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, named, verdict
from stream_app.core.packet import GateResult

RULES = (
    "block: the agent says that something was done, every tool call is known, and none shows it",
    "block: required tool evidence is absent and not named; warn: it is named in missing[]",
    "warn: a tool call did something that the agent never mentions",
    "warn: no result summary, no latency, a write without proof, or reports that disagree",
)


def check(subject: Subject) -> GateResult:
    """Blocks on claims without proof and on required evidence that is absent and unnamed; warns of smaller gaps."""
    gap = subject.gap("tools")
    unproved, unsaid = _claims(subject)
    if not subject.tools:
        block, warn = absence(subject, "tools")
        return verdict("tool_evidence", block=([] if _none_expected(subject) else block) + unproved, warn=warn)
    warn = [] if gap is None else [named(gap)]
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
    return verdict("tool_evidence", block=unproved, warn=warn + unsaid)


def _none_expected(subject: Subject) -> bool:
    """The call itself says that it made no tool calls, or that no more will be reported."""
    call = subject.facts.primary("call")
    return call is not None and (call.event.get("expectedToolCalls") == 0 or bool(call.event.get("toolsFinal")))


def _claims(subject: Subject) -> tuple[list[str], list[str]]:
    """(block, warn) of what the agent said; where reports are missing, the proof may be among them."""
    actions = sorted({claim.action for claim in subject.claims.unproved})
    block = [f"the agent says that it was done ({', '.join(actions)}), and no tool call shows it"] if actions else []
    warn = [f"tool call {name}/{count} did what the agent never mentions" for name, count in subject.claims.unsaid]
    return ([], block + warn) if subject.gap("tools") is not None else (block, warn)
