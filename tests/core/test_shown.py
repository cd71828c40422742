"""What a packet shows of tool calls and evaluation: summaries, never values; null where nobody judged."""

from __future__ import annotations

from stream_app.core.selection import facts_of
from stream_app.core.shown import evaluation_of, tool_evidence_of
from tests.examples import contract_order, without


def test_each_tool_call_is_shown_in_summary() -> None:
    order = contract_order()
    shown = tool_evidence_of(facts_of(order.canonical_call_id, order.items))
    assert [(one.tool_call_id, one.status, one.retries) for one in shown] == [
        ("tc_6", "succeeded", 0),
        ("tc_7", "timed_out", 1),
    ]


def test_the_evaluation_is_shown_with_what_is_needed_to_read_it_and_an_absent_one_is_none() -> None:
    order = contract_order()
    shown = evaluation_of(facts_of(order.canonical_call_id, order.items))
    assert shown is not None
    assert (shown.rubric, shown.rubric_version, shown.evaluator_version) == ("refund_policy", "v3", "2026-05-30")
    bare = without(order, "evaluation")
    assert evaluation_of(facts_of(bare.canonical_call_id, bare.items)) is None
