"""What is present, what is missing, what will never come, and when tools are settled."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.orders import Item
from stream_app.core.requirements import declared_never, is_present, missing_of, tool_count, tools_settled
from tests.evidence import artifact, call, evaluation, item, tool


@pytest.mark.parametrize(
    ("stated", "tools", "present"),
    [
        ({}, 0, False),
        ({}, 1, True),
        ({"toolsFinal": True}, 0, True),
        ({"expectedToolCalls": 2}, 1, False),
        ({"expectedToolCalls": 2}, 2, True),
        ({"expectedToolCalls": 2, "toolsFinal": True}, 1, False),
        ({"expectedToolCalls": 0}, 0, True),
    ],
)
def test_tools_are_present_when_as_many_came_as_were_announced(
    stated: dict[str, Any], tools: int, present: bool
) -> None:
    ended = call(**stated)
    items: tuple[Item, ...] = (ended, *(tool(f"t{number}") for number in range(tools)))
    assert is_present("tools", items, ended) is present


def test_one_tool_key_counts_once() -> None:
    assert tool_count((tool("a", key="k"), tool("b", key="k"), tool("c", key="k", occurrence=2))) == 2


def test_artifacts_come_by_the_call_or_by_themselves() -> None:
    reference = {"uri": "s3://b/k"}
    assert is_present("transcript", (), call(transcript=reference))
    assert is_present("recording", (artifact("recording"),), call())
    assert not is_present("recording", (artifact("recording", never=True),), call())
    assert not is_present("evaluation", (), call())


def test_what_is_missing_says_whether_it_may_still_come() -> None:
    items = (call(), artifact("recording", never=True))
    missing = missing_of(("call", "recording", "evaluation"), items, items[0])
    assert [(gap.kind, gap.reason, gap.expected_from) for gap in missing] == [
        ("recording", "declared_never", "artifact-ready"),
        ("evaluation", "never_seen", "evaluation-completed"),
    ]
    assert declared_never("recording", items) == items[1]
    assert missing_of(("evaluation",), (*items, evaluation()), items[0]) == ()


def test_of_several_statements_that_it_never_comes_the_smallest_event_id_speaks() -> None:
    first, second = (
        item("artifact-ready", name, artifact="recording", availability="never", reason=f"reason of {name}")
        for name in ("a", "b")
    )
    for items in ((first, second), (second, first)):
        assert declared_never("recording", items) == first
        (gap,) = missing_of(("recording",), items, call())
        assert gap.detail == "reason of a"
    assert declared_never("transcript", (first, second)) is None


def test_an_artifact_that_is_ready_but_lies_nowhere_is_not_there() -> None:
    claimed = item("artifact-ready", "a", artifact="recording", availability="ready")
    assert not is_present("recording", (claimed,), call())


@pytest.mark.parametrize(
    ("stated", "tools", "since_end", "settled"),
    [
        ({"expectedToolCalls": 1}, 1, None, True),
        ({"expectedToolCalls": 2}, 1, 29_999, False),
        ({"expectedToolCalls": 2}, 1, 30_000, True),
        ({"toolsFinal": True}, 0, None, True),
        ({}, 3, None, False),
        ({}, 3, 30_000, True),
    ],
)
def test_tools_are_settled(stated: dict[str, Any], tools: int, since_end: int | None, settled: bool) -> None:
    items = tuple(tool(f"t{number}") for number in range(tools))
    assert tools_settled(items, call(**stated), since_end, 30_000) is settled
