"""Tool calls: reports merged by key, findings computed, in every order of arrival."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.orders import Item
from stream_app.core.packet import ToolEvidence
from stream_app.core.tool_findings import FINDINGS, merged_tools
from tests.evidence import call, item_of_document, tool

WRITE: dict[str, Any] = {"kind": "write"}


def write(event_id: str, **fields: Any) -> Item:
    return tool(event_id, **{"name": "refund", "arguments": {"order": 1}, "sideEffect": WRITE, **fields})


def keyed(key: str) -> dict[str, Any]:
    return {"kind": "write", "idempotencyKey": key}


@pytest.mark.parametrize(
    ("items", "findings"),
    [
        pytest.param([tool("a")], {"a": ()}, id="a success"),
        pytest.param([tool("a", status="failed")], {"a": ("failed",)}, id="a failure"),
        pytest.param([tool("a", status="timed_out")], {"a": ("timed_out",)}, id="a timeout"),
        pytest.param([tool("a", status="invalid_result")], {"a": ("invalid_result",)}, id="an invalid result"),
        pytest.param(
            [write("a", sequence=1), write("b", sequence=2)],
            {"a": (), "b": ("duplicated_write",)},
            id="the same write twice: the second one is marked",
        ),
        pytest.param(
            [write("a", at=5), write("b", at=1)], {"b": (), "a": ("duplicated_write",)}, id="by time without sequence"
        ),
        pytest.param(
            [write("a", sequence=1), write("b", sequence=2), write("c", sequence=3)],
            {"a": (), "b": ("duplicated_write",), "c": ("duplicated_write",)},
            id="three times",
        ),
        pytest.param(
            [
                write("a", sequence=1, arguments={"order": 1, "try": 1}, sideEffect=keyed("k")),
                write("b", sequence=2, arguments={"order": 1, "try": 2}, sideEffect=keyed("k")),
            ],
            {"a": (), "b": ("duplicated_write",)},
            id="other arguments, same idempotency key",
        ),
        pytest.param(
            [write("a"), write("b", arguments={"order": 2})], {"a": (), "b": ()}, id="other arguments: two writes"
        ),
        pytest.param([write("a"), write("b", name="cancel")], {"a": (), "b": ()}, id="another tool"),
        pytest.param(
            [write("a", status="failed", sequence=1), write("b", sequence=2)],
            {"a": ("failed",), "b": ()},
            id="a retry after a failure is no duplicate",
        ),
        pytest.param(
            [tool("a", arguments={"order": 1}), tool("b", arguments={"order": 1})],
            {"a": (), "b": ()},
            id="reads repeat",
        ),
        pytest.param(
            [write("a", arguments=None), write("b", arguments=None)], {"a": (), "b": ()}, id="arguments nobody knows"
        ),
        pytest.param(
            [tool("platform", key="t", at=1), tool("backend", key="t", at=0, status="failed")],
            {"t": ("failed", "reports_disagree")},
            id="the worse report is believed, the contradiction is kept",
        ),
        pytest.param(
            [tool("x", key="t", arguments={"a": 1}), tool("y", key="t", arguments={"a": 2})],
            {"t": ("reports_disagree",)},
            id="two sources, two arguments",
        ),
        pytest.param([tool("x", key="t"), tool("y", key="t")], {"t": ()}, id="one call told twice is one call"),
        pytest.param([write("x", key="t"), write("y", key="t")], {"t": ()}, id="one write told twice is one write"),
    ],
)
def test_findings(items: list[Item], findings: dict[str, tuple[str, ...]]) -> None:
    for order in permutations(items):
        assert {merged.tool_call_id: merged.findings for merged in merged_tools(order)} == findings


def test_an_id_used_twice_in_a_call_is_two_tool_calls() -> None:
    first, second = merged_tools([tool("b", key="t", occurrence=2), tool("a", key="t", occurrence=1)])
    assert (first.key, second.key) == (("t", 1), ("t", 2))


def test_each_field_is_what_the_latest_report_that_has_it_says() -> None:
    platform = tool("platform", key="t", at=0, latencyMs=900, arguments={"id": "A-1"}, retries=2)
    backend = tool(
        "backend", key="t", at=9, latencyMs=850, result={"ok": True}, sideEffect={"kind": "write", "proof": "row 7"}
    )
    (merged,) = merged_tools([backend, platform])
    assert (merged.argument_summary, merged.result_summary) == ("id: string", "ok: true")
    assert (merged.latency_ms, merged.retries, merged.side_effect_kind, merged.side_effect_proof) == (
        850, 2, "write", "row 7",
    )  # fmt: skip
    assert [report.event_id for report in merged.items] == ["platform", "backend"]


def test_other_kinds_of_evidence_are_no_tool_calls() -> None:
    assert merged_tools([call()]) == ()


def test_the_contract_example() -> None:
    lookup = {
        "schemaVersion": 1, "eventId": "1", "type": "tool-call", "source": "backend",
        "occurredAt": "2026-06-03T18:40:12.100Z", "toolCallId": "tc_6", "occurrence": 1, "sequence": 1,
        "name": "lookup_order", "arguments": {"orderId": "A-1042"}, "result": {"found": True, "total": 18.5},
        "status": "succeeded", "latencyMs": 200, "retries": 0, "sideEffect": None,
    }  # fmt: skip
    (merged,) = merged_tools([item_of_document(lookup)])
    shown = ToolEvidence(**{name: getattr(merged, name) for name in ToolEvidence.model_fields})
    assert shown.to_dict() == {
        "toolCallId": "tc_6", "occurrence": 1, "name": "lookup_order", "argumentSummary": "orderId: string",
        "resultSummary": "found: true, total: number", "status": "succeeded", "latencyMs": 200, "retries": 0,
        "sequence": 1, "idempotencyKey": None,
        "sideEffectProof": None, "findings": [],
    }  # fmt: skip


REPORTS = st.builds(
    lambda number, key, status, order, sequence, effect, at: tool(
        f"e{number}", key=key, at=at, status=status, sequence=sequence, arguments={"order": order}, sideEffect=effect
    ),
    st.integers(0, 10**6),
    st.sampled_from("abc"),
    st.sampled_from(["succeeded", "failed", "timed_out", "invalid_result"]),
    st.integers(1, 2),
    st.none() | st.integers(1, 3),
    st.sampled_from([None, WRITE, keyed("k1"), keyed("k2"), {"kind": "read"}]),
    st.integers(0, 5),
)
SETS = st.lists(REPORTS, max_size=7, unique_by=lambda report: report.event_id)


@given(SETS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_and_repeats_change_nothing(items: list[Item], random: Any) -> None:
    shuffled = [*items, *items[: len(items) // 2]]
    random.shuffle(shuffled)
    expected = [(merged.key, merged.status, merged.findings, merged.argument_summary) for merged in merged_tools(items)]
    seen = [(merged.key, merged.status, merged.findings, merged.argument_summary) for merged in merged_tools(shuffled)]
    assert seen == expected
    assert all(set(findings) <= set(FINDINGS) for _, _, findings, _ in seen)


@given(SETS, REPORTS)
@settings(deadline=None)
def test_a_further_report_never_hides_a_failure(items: list[Item], further: Item) -> None:
    if further.event_id in {item.event_id for item in items}:
        return
    before = {finding for merged in merged_tools(items) for finding in merged.findings}
    after = {finding for merged in merged_tools([*items, further]) for finding in merged.findings}
    assert before <= after
