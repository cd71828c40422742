from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.fixtures import NoFixture, fixture_of
from stream_app.core.transcripts import TranscriptReport, examine
from tests.examples import TRANSCRIPT
from tests.remembered import packet

PACKET = packet("call/1")
SAID = examine(TRANSCRIPT)


def test_a_fixture_holds_turns_tools_and_what_must_hold() -> None:
    fixture = fixture_of(PACKET, SAID)
    assert len(fixture["input"]["turns"]) == SAID.turns
    assert [one["name"] for one in fixture["input"]["tools"]] == [one.name for one in PACKET.tool_evidence]
    named = {one["finding"] for one in fixture["expected"] if one["assert"] == "no_finding"}
    assert named == {one.finding for one in PACKET.findings} | {
        finding for one in PACKET.tool_evidence for finding in one.findings
    }
    assert (fixture["packetId"], fixture["manifestHash"]) == (PACKET.packet_id, PACKET.manifest_hash)


def test_no_pointer_to_audio_and_no_name_of_the_call_or_its_tools_leaves() -> None:
    hidden = [*PACKET.provider_aliases.values(), *(one.tool_call_id for one in PACKET.tool_evidence)]
    hidden += [str(PACKET.audio_uri), str(PACKET.trace_id), str(PACKET.redacted_transcript_uri)]
    assert len(hidden) > 3
    text = json.dumps({**fixture_of(PACKET, SAID), "packetId": "", "manifestHash": ""}, ensure_ascii=False)
    assert [one for one in hidden if one in text] == []
    assert [one for one in hidden if one in json.dumps(PACKET.to_dict(), ensure_ascii=False)] == hidden, (
        "the check sees them where they are"
    )


@pytest.mark.parametrize(
    ("fields", "said", "why"),
    [
        ({"status": "blocked"}, SAID, "restricted"),
        ({"exportLevel": "raw_restricted"}, SAID, "restricted"),
        ({"redactedTranscriptUri": None}, SAID, "no redacted transcript"),
        ({}, TranscriptReport(problems=("unreadable",)), "unreadable"),
        ({"findings": [], "toolEvidence": [], "evaluationResult": None}, SAID, "nothing would be tested"),
    ],
)
def test_what_may_not_leave_or_tests_nothing_is_no_fixture(
    fields: dict[str, Any], said: TranscriptReport, why: str
) -> None:
    with pytest.raises(NoFixture, match=why):
        fixture_of(packet("call/1", **fields), said)
