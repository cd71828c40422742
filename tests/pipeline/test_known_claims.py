"""A claim is checked once in a while, and not each time."""

from __future__ import annotations

from stream_app.pipeline.known_claims import FOR_MS, MOST, KnownClaims


def test_a_claim_is_unknown_once_in_a_while() -> None:
    claims = KnownClaims()
    assert claims.unknown(["a:1", "b:2"], "call-1", 1000) == ["a:1", "b:2"]
    assert claims.unknown(["a:1", "c:3"], "call-1", 2000) == ["c:3"]
    assert claims.unknown(["a:1"], "call-2", 2000) == ["a:1"], "another call's claim on it is another claim"
    assert claims.unknown(["a:1"], "call-1", 1000 + FOR_MS) == []
    assert claims.unknown(["a:1"], "call-1", 1001 + FOR_MS) == ["a:1"], "identity must hear that it is used"


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    claims = KnownClaims()
    names = [f"a:{number}" for number in range(MOST + 10)]
    assert claims.unknown(names, "call-1", 0) == names
    assert claims.unknown(names[10:], "call-1", 1) == []
    assert claims.unknown(names[:10], "call-1", 1) == names[:10]
