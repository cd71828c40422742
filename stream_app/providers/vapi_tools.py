"""The only place that knows how Vapi writes tool calls: requests in four shapes, and results in the conversation.

The arguments are an object in one place and JSON text in another. There is no latency field: it is the time between a
request and its result. A server that failed or took too long is told by a result only: "No result returned.".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import ToolCall
from stream_app.core.wire import Json
from stream_app.providers import times
from stream_app.providers.reading import first, fold, identifier, items, mapping, number, parsed, take, text
from stream_app.providers.tool_results import outcome
from stream_app.providers.vapi_call import Call, moment

_ANSWERS = ("toolcallresult", "tool", "function")
_ENDS_CALL = re.compile(r"end_?call|hang_?up", re.IGNORECASE)
_MOVES_CALL = re.compile(r"transfer|forward|hand_?off", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """A tool call as it was asked for, and what came of it; a result that nobody asked for has no question."""

    id: str | None
    name: str | None
    arguments: Json = None
    message: Any = None
    """The message that held the question."""
    answer: Any = None
    """The message that held the result; None while there is none."""


class Asking:
    """Tool calls in the order in which they were asked for; results find their question by ID, or without one by name.

    One ID may be used for several calls: the first that is open takes the result. A further result of a call that has
    one replaces it, as those of tools that work in the background do.
    """

    def __init__(self) -> None:
        self.all: list[Asked] = []
        self._open: dict[tuple[str, str | None], deque[Asked]] = defaultdict(deque)
        self._last: dict[tuple[str, str | None], Asked] = {}

    def ask(self, one: Asked) -> None:
        """A request."""
        self.all.append(one)
        for key in (("id", one.id), ("name", one.name)):
            self._open[key].append(one)
            self._last[key] = one

    def answer(self, message: Any) -> None:
        """A result; one that nobody asked for is evidence all the same."""
        id, name = identifier(message, "toolCallId"), text(message, "name")
        key = ("name", name) if id is None else ("id", id)
        waiting = self._open[key]
        while waiting and waiting[0].answer is not None:
            waiting.popleft()
        one = waiting.popleft() if waiting else self._last.get(key)
        if one is None:
            self.all.append(Asked(id, name, answer=message))
        else:
            one.answer = message

    def has(self, id: str | None) -> bool:
        """Whether there is a request of this ID."""
        return id is not None and ("id", id) in self._last


def of_call(call: Call) -> list[ToolCall]:
    """Every tool call of a finished call; one that was never answered has an unknown outcome."""
    return list(_events(call, _in_messages(call.messages or []).all, finished=True))


def of_request(call: Call) -> list[ToolCall]:
    """Those that have a result by now, in a message that asks for the next one: a request itself proves nothing."""
    asking = _in_messages(call.messages or [])
    for one in requested(call.message):
        if not asking.has(one.id):
            one.message = call.message
            asking.ask(one)
    for result in _results(call):
        asking.answer(result)
    return list(_events(call, asking.all, finished=False))


def requested(message: Json) -> list[Asked]:
    """What a tool-calls message asks for. Its lists say the same; which of them there are depends on the account."""
    for name in ("toolCallList", "toolCalls", "toolWithToolCallList"):
        found = [one for entry in items(take(message, name)) if (one := _question(entry)) is not None]
        if found:
            return found
    one = _question(take(message, "functionCall"))
    return [] if one is None else [one]


def _in_messages(messages: Sequence[Any]) -> Asking:
    asking = Asking()
    for message in messages:
        if fold(text(message, "role", limit=64) or "") in _ANSWERS:
            asking.answer(message)
            continue
        for entry in items(take(message, "toolCalls")):
            if (one := _question(entry)) is not None:
                one.message = message
                asking.ask(one)
    return asking


def _question(entry: Json) -> Asked | None:
    """A request; in `toolWithToolCallList` it lies inside of the tool's definition, whose `parameters` are a schema."""
    if not isinstance(entry, dict):
        return None
    inner = mapping(take(entry, "toolCall")) or entry
    function = mapping(take(inner, "function"))
    name = text(function, "name") or text(inner, "name") or text(entry, "name") or text(entry, "function", "name")
    id = identifier(inner, "id") or identifier(inner, "toolCallId")
    if id is None and name is None:
        return None
    stated = take(function, "arguments")
    return Asked(id, name, parsed(first(inner, "arguments", "parameters") if stated is None else stated))


def _results(call: Call) -> Iterator[Any]:
    """Results beside a request, as our user's server answers them."""
    for name in ("results", "toolCallResults", "toolCallResult"):
        found = take(call.message, name) or take(call.delivery.document, name)
        yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict))


def _events(call: Call, asked: list[Asked], *, finished: bool) -> Iterator[ToolCall]:
    seen: Counter[str] = Counter()
    for sequence, one in enumerate(asked):
        name = one.name or text(one.answer, "name") or "unnamed"
        own = one.id or f"{name}-without-id"[:200]
        seen[own] += 1
        if one.answer is None and not finished:
            continue
        started, ended = _at(call, one.message), _at(call, one.answer)
        at = next((ms for ms in (ended, started, call.at_ms) if ms is not None), None)
        yield call.tell(
            ToolCall,
            f"tool:{own}:{seen[own]}",
            at_ms=at,
            tool_call_id=own,
            occurrence=seen[own],
            sequence=sequence,
            name=name,
            arguments=one.arguments,
            result=_result(one.answer),
            started_at=started,
            latency_ms=_latency(one),
            **_outcome(call, name, one.answer),
        )


def _result(answer: Any) -> Json:
    return parsed(first(answer, "result", "content"))


def _outcome(call: Call, name: str, answer: Any) -> dict[str, Any]:
    if answer is not None:
        error = take(answer, "error")
        stated = None if error in (None, False, "", {}, []) else text(error) or "an error was returned"
        return outcome(_result(answer), error=stated)
    # Tools that end or move the call are answered by that: the conversation is over before a result could come.
    reason = call.ended_reason or ""
    done = (_ENDS_CALL.search(name) and reason.startswith(("assistant-ended-call", "assistant-said"))) or (
        _MOVES_CALL.search(name) and "forward" in reason
    )
    return outcome(None) if done else outcome(None, timed_out=True, error="no result before the call ended")


def _at(call: Call, message: Any) -> int | None:
    """When a message was; `time` is epoch ms, `secondsFromStart` counts from the call's start."""
    exact = moment(take(message, "time"))
    if exact is None and message is call.message:
        exact = call.said_ms
    if exact is not None:
        return exact
    return times.after(call.started_ms, times.span_ms(take(message, "secondsFromStart"), unit_ms=1000))


def _latency(one: Asked) -> int | None:
    """The time between request and result, ms."""
    for name, unit in (("time", 1.0), ("secondsFromStart", 1000.0)):
        begin, end = number(one.message, name), number(one.answer, name)
        if begin is not None and end is not None:
            return times.span_ms(end - begin, unit_ms=unit)
    return None
