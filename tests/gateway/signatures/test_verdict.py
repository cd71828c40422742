"""Verdicts: one reason lets in, and none of them names what it judged."""

from __future__ import annotations

from stream_app.gateway.signatures.verdict import REASONS, Proof, Verdict


def test_only_authentic_is_valid() -> None:
    assert [reason for reason in REASONS if Verdict(reason, "").valid] == ["authentic"]


def test_only_what_is_authentic_and_unusable_is_a_bad_request() -> None:
    assert [reason for reason in REASONS if Verdict(reason, "").bad_request] == ["not_json"]


def test_a_proof_does_not_show_the_body() -> None:
    assert "private" not in repr(Verdict("authentic", "", Proof("00", None, {"said": "private"})))
