"""Tool spans: what failed although its span looks healthy, IDs that repeat, and nothing that is no tool."""

from __future__ import annotations

from stream_app.core.events import ToolCall
from tests.providers.trying import Trying

OTEL = Trying("otel")


def test_a_tool_that_failed_says_so_also_where_its_status_is_unset() -> None:
    tools = OTEL.of(ToolCall, OTEL.own("tool-failed-while-status-is-unset"))
    assert [tool.status for tool in tools] == ["failed", "timed_out", *["failed"] * 4, "succeeded"]
    (healthy,) = OTEL.of(ToolCall, OTEL.own("tool"))
    assert healthy.status == "succeeded"


def test_ids_that_repeat_are_occurrences() -> None:
    tools = OTEL.of(ToolCall, OTEL.own("tool-ids-repeat"))
    keys = [(tool.aliases["genAiConversationId"], tool.tool_call_id, tool.occurrence) for tool in tools]
    assert keys == [
        ("conv-1", "call_1", 1), ("conv-1", "call_1", 2), ("conv-1", "call_1", 3), ("conv-2", "call_1", 1),
    ], "counted in its call, not in its trace"  # fmt: skip


def test_a_tool_without_an_id_is_named_by_its_span() -> None:
    (tool,) = OTEL.of(ToolCall, OTEL.own("tool-without-an-id"))
    assert tool.tool_call_id
