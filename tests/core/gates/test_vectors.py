"""Vectors are data: each says something of its own, and each changes the example."""

from __future__ import annotations

import json

from stream_app.core.gates.vectors import VECTORS


def test_no_vector_stands_there_twice_and_each_can_be_written_down() -> None:
    written = [json.dumps(one) for one in VECTORS]
    assert len(set(written)) == len(written)


def test_only_a_pass_comes_without_a_reason() -> None:
    assert all((one.verdict == "pass") == (not one.told) for one in VECTORS)
    assert all(one.changes for one in VECTORS if one.verdict != "pass")
