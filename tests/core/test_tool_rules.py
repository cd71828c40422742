"""What a policy knows of tools: wrong arguments by their summary, order, and what an evaluator blames."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.policy import Policy
from stream_app.core.selection import facts_of, reasons_of
from stream_app.core.summaries import MAX_FIELDS, summarise
from stream_app.core.tool_findings import merged_tools
from stream_app.core.tool_rules import ToolRule, ToolRules
from stream_app.policy_file import default_policy
from tests.evidence import call, evaluation, tool

REFUND = {"name": "refund", "arguments": {"orderId": "string", "amount": "number"}, "optional": {"note": "string"}}
RULES = ToolRules.from_dict({"known": [{**REFUND, "after": ["lookup"]}], "wrongArgumentAssertions": ["args_ok"]})
GOOD = {"orderId": "A-1", "amount": 12}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (GOOD, False),
        ({**GOOD, "note": "x"}, False),
        ({**GOOD, "note": None}, False),
        ({**GOOD, "more": 1}, False),
        ({"orderId": "A-1"}, True),
        ({"orderId": "A-1", "amount": "12"}, True),
        ({"orderId": None, "amount": 12}, True),
        ({"orderId": True, "amount": 12}, True),
        ({**GOOD, "note": [1]}, True),
        ({}, True),
        ([1], True),
        ("A-1, 12", True),
        # What the summary does not show is not called wrong.
        ({f"f{number}": 1 for number in range(MAX_FIELDS + 1)}, False),
    ],
)
def test_arguments_are_judged_by_keys_and_types(given: Any, wrong: bool) -> None:
    assert ToolRule.from_dict(REFUND).wrong(summarise(given)) is wrong


def test_a_closed_rule_allows_no_other_argument_and_none_at_all_is_wrong_where_some_are_needed() -> None:
    closed = ToolRule.from_dict({**REFUND, "closed": True})
    assert closed.wrong(summarise({**GOOD, "more": 1}))
    assert not closed.wrong(summarise({**GOOD, "note": "x"}))
    assert closed.wrong(None)
    assert not ToolRule(name="ping").wrong(None)


def found(*items: Any, rules: ToolRules | None = RULES) -> dict[str, tuple[str, ...]]:
    return {merged.tool_call_id: merged.findings for merged in merged_tools(items, rules)}


def test_without_rules_nothing_is_said_of_arguments_and_order() -> None:
    assert found(tool("r", name="refund", arguments={}), rules=None) == {"r": ()}


def test_a_tool_before_the_one_it_needs_is_out_of_order() -> None:
    refund = tool("r", name="refund", arguments=GOOD, sequence=1)
    assert found(refund) == {"r": ("out_of_order",)}
    assert found(refund, tool("l", sequence=2)) == {"r": ("out_of_order",), "l": ()}
    assert found(refund, tool("l", sequence=0)) == {"l": (), "r": ()}
    assert found(refund, tool("l", sequence=0, status="failed"))["r"] == ("out_of_order",)


def test_an_evaluator_may_say_whose_arguments_were_wrong() -> None:
    def blames(name: str) -> Any:
        return evaluation(assertions=[{"name": name, "passed": False}])

    tools = (tool("l", sequence=1), tool("r", name="refund", arguments=GOOD, sequence=2))
    assert found(*tools, blames("args_ok:r")) == {"l": (), "r": ("wrong_arguments",)}
    assert found(*tools, blames("args_ok:lookup")) == {"l": ("wrong_arguments",), "r": ()}
    assert found(*tools, blames("polite:r")) == {"l": (), "r": ()}
    assert found(*tools, evaluation(assertions=[{"name": "args_ok:r", "passed": True}])) == {"l": (), "r": ()}
    # Nobody in particular: plain where there is one tool call, the call's own finding where there are several.
    assert found(tool("l"), blames("args_ok")) == {"l": ("wrong_arguments",)}
    assert found(*tools, blames("args_ok")) == {"l": (), "r": ()}
    assert facts_of("call-1", [*tools, blames("args_ok")], RULES).values["toolFindings"] == {"wrong_arguments"}


def test_the_default_policy_exports_a_call_with_wrong_arguments_once_its_tools_are_known() -> None:
    policy = Policy.from_dict({**default_policy().to_dict(), "tools": RULES.to_dict()})
    items = [call(), tool("l", sequence=0), tool("r", name="refund", arguments={"orderId": 1}, sequence=1)]
    assert policy.sha256 != default_policy().sha256
    hits = reasons_of(policy, facts_of("call-1", items, policy.tool_rules))
    assert hits[0].row.reason == "failed_tool_call"
    assert "tools" not in default_policy().to_dict(), "what is not stated leaves the digest as it was"
