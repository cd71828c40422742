"""A ring gives every key but those that were destroyed, and says nothing of those."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.key_ring import DEPTH, SEED_BYTES, Ring, path_of

SEED = bytes(range(SEED_BYTES))
PATHS = st.integers(0, 2**DEPTH - 1).map(lambda number: f"{number:0{DEPTH}b}")


@settings(max_examples=60, deadline=None)
@given(destroyed=st.lists(PATHS, min_size=1, max_size=6), others=st.lists(PATHS, max_size=6))
def test_what_was_destroyed_is_gone_and_all_else_stays(destroyed: list[str], others: list[str]) -> None:
    whole = Ring({"": SEED})
    ring = whole
    for path in destroyed:
        ring = ring.without(path)
    assert all(ring.key(path) is None for path in destroyed)
    assert all(ring.key(path) == whole.key(path) for path in others if path not in destroyed)
    assert len(ring.nodes) <= DEPTH * len(set(destroyed))


def test_neighbours_of_a_destroyed_key_stay() -> None:
    path = path_of(SEED, "call-1")
    near = path[:-1] + ("1" if path[-1] == "0" else "0")
    ring = Ring({"": SEED})
    left = ring.without(path)
    assert left.key(near) == ring.key(near) is not None
    assert left.without(path) is left


def test_no_node_on_the_way_to_a_destroyed_key_is_kept() -> None:
    path = path_of(SEED, "call-1")
    whole = Ring({"": SEED})
    on_the_way = {Ring({path[:0]: SEED}).nodes[""]}
    ring = whole.without(path)
    assert not any(path.startswith(place) for place in ring.nodes)
    assert not on_the_way & set(ring.nodes.values())
    assert whole.key(path) not in ring.nodes.values()


def test_paths_depend_on_the_secret_and_the_name() -> None:
    assert path_of(SEED, "a") != path_of(SEED, "b")
    assert path_of(SEED, "a") != path_of(bytes(SEED_BYTES), "a")
    assert set(path_of(SEED, "a")) <= {"0", "1"}
    assert len(path_of(SEED, "a")) == DEPTH


@pytest.mark.parametrize("nodes", [{"": b"short"}, {"2": SEED}, {"0" * (DEPTH + 1): SEED}])
def test_what_is_no_ring_is_refused(nodes: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="not a ring"):
        Ring(nodes)


def test_a_path_has_its_length() -> None:
    with pytest.raises(ValueError, match="40 bits"):
        Ring({"": SEED}).key("01")
