"""Rings lie in a store: one stands whoever writes at the same time, and what was replaced is gone."""

from __future__ import annotations

import asyncio

import pytest

from stream_app.core.key_ring import path_of
from stream_app.engines.concealing import MasterKeys, RingError, new_seed
from stream_app.pipeline.ports import ObjectDenied
from stream_app.sinks.key_rings import KeyRings
from tests.fakes import InMemoryObjectStore

DAY = "2026-06-03"
MASTER = MasterKeys([bytes(32)])


class Erasable(InMemoryObjectStore):
    """A store of which objects can be removed, unless `refuses`."""

    refuses = False

    async def __aenter__(self) -> Erasable:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def delete(self, uri: str) -> None:
        if self.refuses:
            raise ObjectDenied(uri, "may not")
        self.objects.pop(uri, None)


def rings_of(store: Erasable, master: MasterKeys = MASTER) -> KeyRings:
    return KeyRings(store, master, "keys/", new_seed)


async def test_whoever_comes_at_the_same_time_gets_the_same_ring() -> None:
    store = Erasable()
    found = await asyncio.gather(*(rings_of(store).ring(DAY, make=True) for _ in range(20)))
    assert len({tuple(ring.nodes.items()) for ring in found if ring is not None}) == 1
    assert None not in found
    assert list(store.objects) == [f"s3://keys/call-keys/{DAY}/000000.json"]


async def test_none_is_made_unasked() -> None:
    store = Erasable()
    assert await rings_of(store).ring(DAY, make=False) is None
    assert store.objects == {}


async def test_a_replaced_ring_leaves_nothing_of_the_one_before() -> None:
    store = Erasable()
    rings = rings_of(store)
    ring = await rings.ring(DAY, make=True)
    assert ring is not None
    path = path_of(bytes(32), "call-1")
    (before,) = store.objects.values()
    assert await rings.replace(store, DAY, lambda one: one.without(path))
    assert before not in store.objects.values()
    (left,) = [await rings_of(store).ring(one, make=False) for one in await rings.epochs()]
    assert left is not None
    assert left.key(path) is None
    assert left.nodes.keys() == ring.without(path).nodes.keys()


async def test_two_who_destroy_at_once_destroy_both() -> None:
    store = Erasable()
    rings = rings_of(store)
    await rings.ring(DAY, make=True)
    paths = [path_of(bytes(32), f"call-{number}") for number in range(5)]

    def without(path: str) -> asyncio.Future[bool]:
        return asyncio.ensure_future(rings_of(store).replace(store, DAY, lambda ring: ring.without(path)))

    assert all(await asyncio.gather(*map(without, paths)))
    left = await rings.ring(DAY, make=False)
    assert left is not None
    assert [left.key(path) for path in paths] == [None] * 5
    assert len(store.objects) == 1


async def test_what_was_interrupted_is_completed_by_the_next() -> None:
    store = Erasable()
    rings = rings_of(store)
    await rings.ring(DAY, make=True)
    store.refuses = True
    with pytest.raises(ObjectDenied):
        await rings.replace(store, DAY, lambda ring: ring.without("0" * 40))
    assert len(store.objects) == 2
    store.refuses = False
    assert await rings.replace(store, DAY, lambda ring: ring)
    left = await rings.ring(DAY, make=False)
    assert left is not None
    assert left.key("0" * 40) is None
    assert len(store.objects) == 1


async def test_there_is_nothing_to_replace_where_nothing_lies() -> None:
    assert not await rings_of(Erasable()).replace(Erasable(), DAY, lambda ring: ring)


async def test_a_ring_of_another_master_key_is_not_read() -> None:
    store = Erasable()
    await rings_of(store).ring(DAY, make=True)
    with pytest.raises(RingError, match="not among ours"):
        await rings_of(store, MasterKeys([bytes(range(32))])).ring(DAY, make=True)
