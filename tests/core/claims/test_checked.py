"""What a packet says of claims: the rules, their measured quality, each claim with its proof, and findings."""

from __future__ import annotations

from stream_app.core.claims import Said, quality, rules
from stream_app.core.claims.checked import check_claims, claim_findings
from stream_app.core.selection import facts_of
from stream_app.core.transcripts import TranscriptReport
from tests import evidence

REPORT = TranscriptReport(1, 1, said=(Said("agent", "I've issued your refund."),))


def test_a_claim_with_its_proof_and_one_without() -> None:
    proof = evidence.tool("t", name="issue_refund", sideEffect={"kind": "write"})
    check, found = check_claims(facts_of("c", [evidence.call(language="en"), proof]), REPORT)
    assert check is not None
    assert [(claim.turn, claim.action, claim.proved_by) for claim in check.claims] == [(1, "refund", ("t/1",))]
    assert (check.rules, check.precision, check.recall) == (rules.VERSION, quality.PRECISION, quality.RECALL)
    assert list(claim_findings(found)) == []

    check, found = check_claims(facts_of("c", [evidence.call(language="en")]), REPORT)
    assert [one.finding for one in claim_findings(found)] == ["claimed_not_proved"]


def test_without_a_transcript_nothing_is_checked() -> None:
    facts = facts_of("c", [evidence.call()])
    for report in (None, TranscriptReport(problems=("none",)), TranscriptReport(0, 0)):
        check, found = check_claims(facts, report)
        assert check is None
        assert found.unproved == ()


def test_what_cannot_be_judged_is_said_and_not_found() -> None:
    check, found = check_claims(facts_of("c", [evidence.call(language="de")]), REPORT)
    assert check is not None
    assert (check.judged, check.claims, found.unproved) == (False, (), ())
    assert "language" in (check.reason or "")
