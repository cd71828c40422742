"""The only place where claims become what a packet says of them: the check with its rules and quality, and findings."""

from __future__ import annotations

from collections.abc import Iterator

from stream_app.core.claims import quality, rules
from stream_app.core.claims.compared import Compared, compare
from stream_app.core.claims.detector import Heard, hear
from stream_app.core.packet import ClaimCheck, ClaimMade, Finding
from stream_app.core.selection import Facts
from stream_app.core.transcripts import TranscriptReport

NO_CLAIMS = Compared()


def check_claims(facts: Facts, transcript: TranscriptReport | None) -> tuple[ClaimCheck | None, Compared]:
    """What was claimed in the transcript, and how it compares with the tool calls; (None, nothing) without one."""
    if transcript is None or transcript.problems or not transcript.said:
        return None, NO_CLAIMS
    language = facts.values.get("language")
    heard = hear(transcript.said, str(language) if language is not None else None)
    found = compare(heard, facts.tools, None if facts.rules is None else facts.rules.actions)
    return _check_of(heard, found), found


def _check_of(heard: Heard, found: Compared) -> ClaimCheck:
    return ClaimCheck(
        rules=rules.VERSION,
        judged=heard.unjudged is None,
        reason=heard.unjudged,
        claims=tuple(
            ClaimMade(
                turn=claim.turn,
                action=claim.action,
                rule=claim.rule,
                proved_by=tuple(f"{call_id}/{occurrence}" for call_id, occurrence in keys),
            )
            for claim, keys in found.proofs
        ),
        precision=quality.PRECISION,
        recall=quality.RECALL,
        measured_on=quality.MEASURED_ON,
    )


def claim_findings(found: Compared) -> Iterator[Finding]:
    """What the comparison found, as the packet lists it."""
    for claim in found.unproved:
        yield Finding(finding="claimed_not_proved", turn=claim.turn, action=claim.action)
    for call_id, occurrence in found.unsaid:
        yield Finding(finding="proved_not_said", tool_call_id=call_id, occurrence=occurrence)
