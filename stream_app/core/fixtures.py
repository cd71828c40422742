"""The only place for what a promoted packet becomes: a small redacted test case, with what must hold when it is run.

A fixture says what was said and which tools were called, in the packet's own redacted and summarised words, and what
the agent has to do better: each finding gone, the failing judgement gone. It names the packet and the manifest hash, so
that everything else can be looked up by who may; no recording, no call or tool-call ID, no provider's name of the call.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.packet import Packet, ToolEvidence
from stream_app.core.publication import is_restricted
from stream_app.core.transcripts import TranscriptReport


class NoFixture(Exception):
    """This packet cannot become a fixture; says why."""


def fixture_of(packet: Packet, transcript: TranscriptReport) -> dict[str, Any]:
    """The fixture as JSON. Raises NoFixture for a packet whose content may not leave, or that has none."""
    if is_restricted(packet):
        raise NoFixture("the packet is blocked or restricted: its content may not become a test")
    if packet.redacted_transcript_uri is None or packet.redaction_state != "redacted":
        raise NoFixture("the packet has no redacted transcript: there is nothing to replay")
    if transcript.problems or not transcript.said:
        raise NoFixture(f"the transcript cannot be used: {'; '.join(transcript.problems) or 'nothing was said'}")
    return {
        "schemaVersion": 1,
        "packetId": packet.packet_id,
        "manifestHash": packet.manifest_hash,
        "selectionReason": packet.selection_reason,
        "agentVersion": packet.agent_version,
        "input": {
            "turns": [{"speaker": turn.speaker, "text": turn.text} for turn in transcript.said],
            "tools": [_tool(one) for one in packet.tool_evidence],
        },
        "expected": _expected(packet),
    }


def _tool(one: ToolEvidence) -> dict[str, Any]:
    return {
        "name": one.name,
        "arguments": one.argument_summary,
        "result": one.result_summary,
        "status": one.status,
        "retries": one.retries,
        "proved": one.side_effect_proof is not None,
    }


def _expected(packet: Packet) -> list[dict[str, Any]]:
    """Assertions that this call breaks, and a mended agent keeps. Raises NoFixture where it breaks none."""
    by_id = {(one.tool_call_id, one.occurrence): one.name for one in packet.tool_evidence}
    found: list[dict[str, Any]] = []
    for one in packet.tool_evidence:
        found += [{"assert": "no_finding", "finding": finding, "tool": one.name} for finding in one.findings]
    for finding in packet.findings:
        tool = by_id.get((finding.tool_call_id or "", finding.occurrence or 1))
        found.append({"assert": "no_finding", "finding": finding.finding, "tool": tool, "action": finding.action})
    judged = packet.evaluation_result
    if judged is not None and judged.failure_label is not None:
        found.append({"assert": "failure_label_is_not", "label": judged.failure_label, "rubric": judged.rubric})
    kept = [{name: value for name, value in one.items() if value is not None} for one in found]
    unique = [one for index, one in enumerate(kept) if one not in kept[:index]]
    if not unique:
        raise NoFixture("the packet holds no finding and no failure label: nothing would be tested")
    return unique
