"""Rows that are held lie over those that are stored, in every way of reading them, until they are stored too."""

from __future__ import annotations

import random

import pytest

from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.pending_rows import PendingRows


@pytest.mark.parametrize("seed", range(40))
def test_they_read_as_one_store_that_has_everything(seed: int) -> None:
    dice = random.Random(seed)
    stored, whole = MemoryRows(), MemoryRows()
    rows = PendingRows(stored)
    held: dict[bytes, bytes | None] = {}
    keys = [b"%02d" % number for number in range(30)]
    for _ in range(60):
        change = {key: dice.choice([None, b"%d" % dice.randrange(99)]) for key in dice.sample(keys, dice.randrange(5))}
        rows.hold(change)
        held.update(change)
        whole.write(change.items())
        if dice.random() < 0.2:
            stored.write(held.items())
            held.clear()
            rows.settle()
        asked = [dice.choice(keys) for _ in range(6)]
        assert rows.get_many(asked) == whole.get_many(asked)
        assert rows.get(asked[0]) == whole.get(asked[0])
        first, last = sorted(dice.sample(keys, 2))
        limit = dice.choice([None, 1, 3])
        assert rows.scan(first, last, limit) == whole.scan(first, last, limit)


def test_what_is_dropped_before_it_was_stored_is_gone() -> None:
    stored = MemoryRows()
    PendingRows(stored).hold({b"a": b"1"})
    assert PendingRows(stored).get(b"a") is None


def test_what_another_lane_has_stored_is_let_go_and_the_rest_still_counts() -> None:
    stored = MemoryRows()
    rows = PendingRows(stored)
    rows.hold({b"a": b"1", b"b": b"2", b"c": None})
    stored.write([(b"a", b"1")])
    rows.let_go()
    stored.write([(b"a", b"later")])
    assert rows.get_many([b"a", b"b", b"c"]) == [b"later", b"2", None]
