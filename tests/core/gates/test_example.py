"""The example call is one that nothing is wrong with, and changes touch what they name and nothing else."""

from __future__ import annotations

import pytest

from stream_app.core.gates import check_all
from stream_app.core.gates.example import ABSENT, EXAMPLE, changed_example, subject_of


def test_every_gate_passes_the_example() -> None:
    assert {one.verdict for one in check_all(subject_of(EXAMPLE))} == {"pass"}


def test_changes_are_made_on_a_copy() -> None:
    other = changed_example((("order.version", 2), ("order.items.1", ABSENT), ("order.aliases.traceId", ABSENT)))
    assert other["order"]["version"] == 2
    assert [item["kind"] for item in other["order"]["items"]] == ["call", "recording", "trace", "evaluation"]
    assert EXAMPLE["order"]["version"] == 1
    assert changed_example() == EXAMPLE


@pytest.mark.parametrize("path", ["order.nothing.here", "artifacts.9.name"])
def test_a_path_that_leads_nowhere_is_an_error(path: str) -> None:
    with pytest.raises((KeyError, IndexError)):
        changed_example(((path, 1),))
