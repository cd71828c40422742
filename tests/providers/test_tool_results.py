"""A failed tool may look healthy."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.providers.tool_results import NO_RESULT, means_failure, outcome


@pytest.mark.parametrize(
    "result",
    [
        NO_RESULT, "Error: no such order", "error: x", " ERROR:", {"error": "x"}, {"error": {"code": 1}},
        {"success": False}, {"successful": "false"}, {"ok": False}, {"status": "error"}, {"is_error": True},
        '{"error": "as text"}', {"result": {"error": "x"}}, {"content": [{"type": "text", "text": "Error: no"}]},
        {"output": '{"success": false}'}, {"isError": True, "content": []},
    ],
)  # fmt: skip
def test_a_result_can_be_an_error(result: Any) -> None:
    assert means_failure(result)
    assert outcome(result) == {"status": "failed", "error": None}


@pytest.mark.parametrize(
    "result",
    [
        None, "", "Tool Called.", "no error: fine", {"error": None}, {"error": ""}, {"success": True},
        {"status": "failed"},
        [], 0, False, {"errors": []}, "Error", {"isError": False}, {"result": {"error": None}},
        {"orders": [{"error": "of one of many"}]}, [{"text": "Error: one"}, {"text": "fine"}],
    ],
)  # fmt: skip
def test_most_results_are_none(result: Any) -> None:
    """`status: failed` may be what was asked for, a payment's say."""
    assert not means_failure(result)
    assert outcome(result)["status"] == "succeeded"


def test_what_is_stated_comes_first() -> None:
    assert outcome("fine", failed=True)["status"] == "failed"
    assert outcome("fine", timed_out=True, failed=True)["status"] == "timed_out"
    assert outcome("fine", error="blocked") == {"status": "failed", "error": "blocked"}
