"""Selection as its callers use it, on the contract's example: evidence in, the reason and the requirements out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_app.core.orders import Item
from stream_app.core.selection import facts_of, reasons_of, required_kinds
from stream_app.policy_file import default_policy
from tests.evidence import item_of_document

ROOT = Path(__file__).resolve().parents[3]
PLACES = (ROOT / "tests/data/contract", ROOT.parent / "shared/design/contract")


@pytest.fixture
def inputs() -> list[Item]:
    for place in PLACES:
        files = sorted(place.glob("[1-6]-*.json"))
        if files:
            assert len(files) == 6, f"{place} holds {len(files)} of the six inputs"
            return [item_of_document(json.loads(file.read_text("utf-8")), n) for n, file in enumerate(files)]
    pytest.skip("the contract's examples are in neither tests/data/contract nor ../shared/design/contract")


def test_the_contract_example_is_a_failed_tool_call(inputs: list[Item]) -> None:
    policy = default_policy()
    for items in (inputs, inputs[::-1]):
        facts = facts_of("call_2026_06_03_1842", items)
        hits = reasons_of(policy, facts)
        assert [hit.row.reason for hit in hits] == ["failed_tool_call", "regression_candidate"]
        row = hits[0].row
        assert (row.priority, row.owner, row.sla, row.retention_class) == (
            "highest",
            "engineering",
            86_400_000,
            "qa_180d",
        )
        assert [(hit.trigger, hit.inclusion_probability) for hit in hits] == [(None, None), (None, None)]
        assert required_kinds(policy, facts, hits) == (
            "call", "transcript", "tools", "recording", "trace", "evaluation",
        )  # fmt: skip
        assert [(tool.tool_call_id, tool.findings) for tool in facts.tools] == [("tc_6", ()), ("tc_7", ("timed_out",))]


def test_before_the_evaluation_only_that_is_missing(inputs: list[Item]) -> None:
    policy = default_policy()
    facts = facts_of("call_2026_06_03_1842", inputs[:5])
    hits = reasons_of(policy, facts)
    assert [hit.row.reason for hit in hits] == ["failed_tool_call"]
    present = {item.kind for item in inputs[:5]} | {"transcript"}
    assert set(required_kinds(policy, facts, hits)) - present == {"evaluation"}
