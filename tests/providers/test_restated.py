"""IDs of facts that are told again: alike is the same report, otherwise is another, and nothing can be guessed."""

from __future__ import annotations

from typing import Any

from stream_app.core.events import ToolCall
from stream_app.providers import times
from stream_app.providers.adapter import Delivery, event
from stream_app.providers.restated import fitting, told

DELIVERY = Delivery({}, "test", 1_790_000_000_000)


def tool(**fields: Any) -> ToolCall:
    stated = {"tool_call_id": "t", "name": "find", "status": "succeeded", "aliases": {"vapiCallId": "1"}} | fields
    return told(event(ToolCall, DELIVERY, id="c:tool:t:1", at_ms=1_788_000_000_000, **stated))


def test_what_is_told_alike_has_one_id_and_what_is_told_otherwise_another() -> None:
    assert tool().event_id == tool().event_id
    assert tool().event_id.startswith("test:c:tool:t:1:")
    others = [tool(status="failed"), tool(latency_ms=5), tool(trace_id="x"), tool(result="done"), tool(error="no")]
    assert len({one.event_id for one in [tool(), *others]}) == 6


def test_ids_do_not_depend_on_values_that_could_be_guessed() -> None:
    """Whoever sees an ID could try all phone numbers until the digest fits."""
    one, other = ({"phone": number} for number in ("+15005550006", "+15005550007"))
    assert tool(arguments=one).event_id == tool(arguments=other).event_id
    assert tool(result=one).event_id == tool(result=other).event_id
    assert tool(error="a").event_id == tool(error="b").event_id
    assert tool(aliases={"vapiCallId": "1"}).event_id == tool(aliases={"vapiCallId": "2"}).event_id


def test_long_ids_are_cut_and_stay_different() -> None:
    long = [fitting("x" * 300 + end) for end in "ab"]
    assert all(len(id) <= 256 for id in long)
    assert long[0] != long[1]
    assert fitting("short") == "short"
    assert len(told(event(ToolCall, DELIVERY, id="y" * 300, at_ms=1_788_000_000_000, tool_call_id="t", name="n",
                          status="failed", trace_id="z")).event_id) <= 256  # fmt: skip


def test_there_is_no_moment_beyond_the_last_year() -> None:
    assert times.after(1_788_000_000_000, 500) == 1_788_000_000_500
    assert times.after(1_788_000_000_000, 2**52) is None
    assert times.after(None, 1) is None
    assert times.after(1, None) is None
