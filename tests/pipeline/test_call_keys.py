"""Keys are read once a day, conceal without asking anybody, and are gone soon after they were destroyed."""

from __future__ import annotations

from types import TracebackType

import pytest

from stream_app.core.concealment import Concealed
from stream_app.core.key_ring import Ring
from stream_app.engines.concealing import ContentCipher, new_seed
from stream_app.pipeline import call_keys
from stream_app.pipeline.call_keys import FRESH_MS, CallKeys, KeysGone
from stream_app.pipeline.ports import Incoming, StoreUnavailable

AT = 1_780_512_345_678
DAY_MS = 86_400_000


class Rings:
    """Rings in memory; the first `away` questions find the store away."""

    def __init__(self, away: int = 0) -> None:
        self.rings: dict[str, Ring] = {}
        self.away = away
        self.asked: list[str] = []

    async def __aenter__(self) -> Rings:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def ring(self, epoch: str, *, make: bool) -> Ring | None:
        self.asked.append(epoch)
        if self.away:
            self.away -= 1
            raise StoreUnavailable(epoch, "away")
        if make and epoch not in self.rings:
            self.rings[epoch] = Ring({"": new_seed()})
        return self.rings.get(epoch)


class Steady:
    at = 0

    def __call__(self) -> int:
        return self.at


def record(at: int = AT) -> Incoming:
    return Incoming("tool-call", 0, 0, at, None, b"{}")


async def prepared(rings: Rings, *ats: int, steady: Steady | None = None) -> CallKeys:
    keys = CallKeys(rings, ContentCipher, steady or Steady())
    await keys.prepare([record(at) for at in ats or (AT,)])
    return keys


async def test_what_one_worker_conceals_another_reads() -> None:
    rings = Rings()
    one, other = await prepared(rings), await prepared(rings)
    written = one.conceal("call-1", AT, b"content")
    assert written is not None
    assert written == other.conceal("call-1", AT, b"content")
    assert await other.reveal(written) == b"content"
    assert one.fingerprint(b"x") == other.fingerprint(b"x")


async def test_names_and_days_have_keys_of_their_own() -> None:
    keys = await prepared(Rings(), AT, AT + DAY_MS)
    made = {keys.conceal(name, at, b"content") for name in ("a", "b") for at in (AT, AT + DAY_MS)}
    assert len(made) == 4


async def test_a_day_is_asked_for_once() -> None:
    rings = Rings()
    keys = await prepared(rings, AT, AT + 5, AT + DAY_MS)
    await keys.prepare([record(), record(AT + DAY_MS)])
    assert sorted(rings.asked) == ["2026-06-03", "2026-06-04", "secret"]


async def test_it_waits_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_keys, "_PAUSE_S", 0.001)
    rings = Rings(away=3)
    keys = await prepared(rings)
    assert keys.conceal("a", AT, b"x") is not None
    assert rings.away == 0


async def test_a_destroyed_key_reads_nothing_any_more_and_conceals_nothing_anew() -> None:
    rings, steady = Rings(), Steady()
    keys = await prepared(rings, steady=steady)
    written, other = keys.conceal("call-1", AT, b"content"), keys.conceal("call-2", AT, b"else")
    assert written is not None
    assert other is not None
    assert await keys.reveal(written) == b"content"
    (path,) = await keys.paths(["call-1"])
    assert Concealed.read(written).path == path
    rings.rings["2026-06-03"] = rings.rings["2026-06-03"].without(path)
    steady.at += FRESH_MS + 1
    with pytest.raises(KeysGone, match="destroyed"):
        await keys.reveal(written)
    assert await keys.reveal(other) == b"else"
    assert (await prepared(rings)).conceal("call-1", AT, b"more") is None


async def test_a_day_whose_ring_is_gone_is_forgotten() -> None:
    rings = Rings()
    written = (await prepared(rings)).conceal("call-1", AT, b"content")
    assert written is not None
    del rings.rings["2026-06-03"]
    with pytest.raises(KeysGone):
        await CallKeys(rings, ContentCipher, Steady()).reveal(written)
    assert "2026-06-03" not in rings.rings


async def test_digests_are_keyed() -> None:
    assert (await prepared(Rings())).fingerprint(b"x") != (await prepared(Rings())).fingerprint(b"x")


async def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_keys, "MAX_CACHED", 3)
    keys = await prepared(Rings())
    first = keys.conceal("name-0", AT, b"x")
    for number in range(1, 10):
        keys.conceal(f"name-{number}", AT, b"x")
    assert len(keys._ciphers) == 3
    assert keys.conceal("name-0", AT, b"x") == first


async def test_nothing_is_concealed_before_it_was_prepared() -> None:
    with pytest.raises(RuntimeError, match="prepare"):
        CallKeys(Rings(), ContentCipher, Steady()).fingerprint(b"x")
