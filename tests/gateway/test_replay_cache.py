"""The memory of what was let in: as long as a proof holds, no longer, and never more than there is room for."""

from __future__ import annotations

import random

import pytest

from stream_app.gateway.replay_cache import ReplayCache
from stream_app.gateway.signatures.digests import name_of
from stream_app.gateway.signatures.verdict import Proof

NOW_MS = 1_790_000_300_000


def proof(name: object, until_ms: int | None = None) -> Proof:
    return Proof(name_of(str(name)), until_ms)


def test_what_was_let_in_is_known_again() -> None:
    cache = ReplayCache()
    assert not cache.seen("retell", proof("a"), NOW_MS)
    cache.remember("retell", proof("a", NOW_MS + 10), NOW_MS)
    assert cache.seen("retell", proof("a"), NOW_MS)
    assert not cache.seen("retell", proof("b"), NOW_MS)
    assert not cache.seen("vapi", proof("a"), NOW_MS)


def test_asking_does_not_remember() -> None:
    cache = ReplayCache()
    assert not cache.seen("retell", proof("a"), NOW_MS)
    assert not cache.seen("retell", proof("a"), NOW_MS)


def test_a_proof_is_remembered_until_the_last_moment_it_holds() -> None:
    cache = ReplayCache()
    cache.remember("retell", proof("a", NOW_MS + 10), NOW_MS)
    assert cache.seen("retell", proof("a"), NOW_MS + 10)
    assert not cache.seen("retell", proof("a"), NOW_MS + 11)


def test_one_that_holds_for_ever_is_remembered_for_the_window() -> None:
    cache = ReplayCache(window_ms=1000)
    cache.remember("twilio", proof("a"), NOW_MS)
    assert cache.seen("twilio", proof("a"), NOW_MS + 1000)
    assert not cache.seen("twilio", proof("a"), NOW_MS + 1001)
    cache.remember("twilio", proof("a"), NOW_MS + 900)
    assert cache.seen("twilio", proof("a"), NOW_MS + 1900)


def test_what_is_past_makes_room_and_is_not_counted_as_lost() -> None:
    cache = ReplayCache(capacity=2)
    for index in range(10):
        cache.remember("retell", proof(index, NOW_MS + index), NOW_MS + index)
    assert len(cache) <= 2
    assert cache.evicted == 0
    cache.remember("retell", proof("over", NOW_MS - 1), NOW_MS)
    assert not cache.seen("retell", proof("over"), NOW_MS - 1)


def test_when_it_is_full_the_one_that_ends_first_goes() -> None:
    cache = ReplayCache(capacity=2)
    for name, until_ms in (("long", NOW_MS + 300), ("short", NOW_MS + 100), ("middle", NOW_MS + 200)):
        cache.remember("retell", proof(name, until_ms), NOW_MS)
    assert [cache.seen("retell", proof(name), NOW_MS) for name in ("long", "short", "middle")] == [True, False, True]
    assert (len(cache), cache.evicted) == (2, 1)


def test_a_shorter_end_takes_nothing_away() -> None:
    cache = ReplayCache()
    cache.remember("livekit", proof("a", NOW_MS + 500), NOW_MS)
    cache.remember("livekit", proof("a", NOW_MS + 100), NOW_MS)
    assert cache.seen("livekit", proof("a"), NOW_MS + 500)


def test_it_never_outgrows_its_room_whatever_comes() -> None:
    rng, cache = random.Random(3), ReplayCache(capacity=50, window_ms=1000)
    expected: dict[str, int] = {}
    for step in range(5000):
        now_ms, name = NOW_MS + step, f"p{rng.randrange(120)}"
        until_ms = rng.choice([None, now_ms + rng.randrange(400)])
        cache.remember("twilio", proof(name, until_ms), now_ms)
        expected[name] = max(expected.get(name, 0), now_ms + 1000 if until_ms is None else until_ms)
        assert len(cache) <= 50
        assert len(cache._ends) <= 101
        probe = f"p{rng.randrange(120)}"
        if cache.seen("twilio", proof(probe), now_ms):
            assert expected[probe] >= now_ms
    assert cache.evicted > 0
    roomy = ReplayCache(capacity=10_000)
    for index in range(3000):
        roomy.remember("twilio", proof(index), NOW_MS)
    assert all(roomy.seen("twilio", proof(index), NOW_MS) for index in range(3000))
    assert (len(roomy), roomy.evicted) == (3000, 0)


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"window_ms": 0}])
def test_a_cache_without_room_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needs room"):
        ReplayCache(**wrong)
