"""What a packet shows of tool calls and evaluation: summaries, never values; null where nobody judged."""

from __future__ import annotations

from typing import Any

from stream_app.core.packet import Segment
from stream_app.core.selection import facts_of
from stream_app.core.shown import evaluation_of, segment_of, tool_evidence_of
from tests import stories
from tests.evidence import item_of_document
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


def test_a_call_belongs_to_the_groups_that_call_ended_names() -> None:
    stated = {"agentId": "billing", "queue": "q-1", "cohort": "Ana Ruiz, 1 Elm Street"}
    facts = facts_of("call-1", [item_of_document(stories.call_ended(**stated))])
    assert segment_of(facts) == Segment(agent_id="billing", queue="q-1", cohort="other")
    assert segment_of(facts_of("call-1", [item_of_document(stories.call_ended())])) is None
    assert segment_of(facts_of("call-1", [])) is None


def test_equal_idempotency_keys_show_as_equal_and_as_nothing_else() -> None:
    def tool(number: int, key: str | None) -> dict[str, Any]:
        effect = {"kind": "write", "idempotencyKey": key}
        return stories.tool(f"t{number}", number=number, sideEffect=effect if key else None)

    documents = [tool(1, "refund-4711"), tool(2, None), tool(3, "refund-4711"), tool(4, "other")]
    rows = tool_evidence_of(facts_of("call-1", [item_of_document(one) for one in documents]))
    assert [row.idempotency_key for row in rows] == ["key-1", None, "key-1", "key-2"]
    assert [row.sequence for row in rows] == [1, 2, 3, 4]
