"""The only place that knows how Retell writes a call: its names, times, turns and tool calls, scrubbed or not.

Sources: Retell's documentation of webhooks and of the call object, its SDK (Python 5.60 and 6.2). All times are epoch
ms; `time_sec` and word times count from the start of the call in seconds. `access_token` and SIP headers stay away.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import ToolCall
from stream_app.core.wire import Json
from stream_app.providers import carriers, times, turns
from stream_app.providers.adapter import AnyEvent, Delivery, event
from stream_app.providers.reading import boolean, fold, identifier, items, mapping, number, parsed, take, text
from stream_app.providers.restated import told
from stream_app.providers.tool_results import outcome
from stream_app.providers.turns import Turn

_RANKS = {"call_ended": 1, "call_analyzed": 2, "get-call": 3}
"""Of two reports of one moment the one with the larger ID speaks: that is to be the one that knows more."""
_SPEAKERS = frozenset({"agent", "user", "transfer_target"})
_TIMED_OUT = re.compile(r"time[d\s_-]*out", re.IGNORECASE)
_ENDS_CALL = re.compile(r"end_?call|hang_?up", re.IGNORECASE)
_MOVES_CALL = re.compile(r"transfer|agent_swap", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """A call object, and the webhook that it came in."""

    delivery: Delivery
    data: dict[str, Any]
    kind: str
    """`event` of the webhook; `get-call` for a call object that was asked for."""
    names: dict[str, Any]

    @property
    def name(self) -> str:
        """What the call is called in the IDs of its events."""
        aliases = self.names["aliases"]
        return str(aliases.get("retellCallId") or self.names["canonical_call_id"] or next(iter(aliases.values()), None))

    @property
    def started_ms(self) -> int | None:
        """When it began."""
        return times.millis(take(self.data, "start_timestamp"))

    @property
    def duration_ms(self) -> int | None:
        """How long it was: by its times, which `duration_ms` does not always agree with."""
        started, ended = self.started_ms, times.millis(take(self.data, "end_timestamp"))
        if started is not None and ended is not None:
            return ended - started if ended >= started else None
        return times.span_ms(take(self.data, "duration_ms"), unit_ms=1)

    @property
    def ended_ms(self) -> int | None:
        """When it ended, as far as that is said."""
        stated = times.millis(take(self.data, "end_timestamp"))
        return times.after(self.started_ms, self.duration_ms) if stated is None else stated

    @property
    def at_ms(self) -> int | None:
        """Webhooks do not say when they were made: what they tell of is as old as the call's end."""
        return self.started_ms if self.ended_ms is None else self.ended_ms

    @property
    def ended_reason(self) -> str | None:
        """Why it ended."""
        return text(self.data, "disconnection_reason")

    @property
    def stores_nothing(self) -> bool:
        """Whether the agent is set to keep no content: then none is taken either, even where a webhook still has it."""
        setting = fold(text(self.data, "data_storage_setting", limit=64) or "")
        return setting == "basicattributesonly" or boolean(self.data, "opt_out_sensitive_data_storage") is True

    def tell(self, model: type[AnyEvent], fact: str, *, at_ms: int | None, **fields: Any) -> AnyEvent:
        """An event about this call; `fact` names what it says."""
        id = f"{self.name}:{fact}:{_RANKS.get(self.kind, 0)}-{self.kind}"
        return told(event(model, self.delivery, id=id, at_ms=at_ms, **self.names, **fields))


def read(delivery: Delivery, data: dict[str, Any], kind: str) -> Call:
    """The call of a webhook."""
    places = free_fields(delivery, data)
    aliases: dict[str, str] = {}
    for scheme, found in (
        ("retellCallId", take(data, "call_id")),
        ("twilioCallSid", take(data, "telephony_identifier", "twilio_call_sid")),
    ):
        if (name := identifier(found)) is not None:
            aliases[scheme] = name
    if (run := carriers.test_run(*places)) is not None:
        aliases["testRunId"] = run
    return Call(
        delivery,
        data,
        kind,
        {
            "canonical_call_id": carriers.call_id(*places),
            "aliases": aliases,
            "trace_id": carriers.trace_id(*places),
        },
    )


def free_fields(delivery: Delivery, data: dict[str, Any]) -> tuple[Any, ...]:
    """Every place where the user's own values ride; `metadata` may be any JSON, text of an object too."""
    names = ("metadata", "retell_llm_dynamic_variables", "custom_sip_headers", "collected_dynamic_variables")
    return (delivery.query, *(mapping(take(data, name)) for name in names))


def spoken(call: Call) -> tuple[list[Turn], bool]:
    """The turns, and whether they are without personal data: only a `scrubbed_` transcript is stated to be."""
    scrubbed = _turns(call, "scrubbed_transcript_with_tool_calls")
    if scrubbed:
        return scrubbed, True
    for name in ("transcript_with_tool_calls", "transcript_object"):
        if raw := _turns(call, name):
            return raw, False
    return turns.of_text(take(call.data, "transcript")), False


def _turns(call: Call, name: str) -> list[Turn]:
    return [turn for item in items(take(call.data, name)) if (turn := _turn(item)) is not None]


def _turn(item: Any) -> Turn | None:
    """An utterance; tools, keys pressed, messages and what was injected are none."""
    speaker, said = (text(item, "role", limit=64) or "").lower(), take(item, "content")
    if speaker not in _SPEAKERS or not isinstance(said, str) or not said.strip():
        return None
    starts = (times.span_ms(take(word, "start"), unit_ms=1000) for word in items(take(item, "words"))[:1])
    return Turn(speaker, said.strip(), next(starts, None))


def lists_tools(call: Call) -> bool:
    """Whether the payload says which tools were called, be it none."""
    return any(isinstance(take(call.data, name), list) for name in _LISTS)


_LISTS = ("transcript_with_tool_calls", "scrubbed_transcript_with_tool_calls")


def tools(call: Call, *, finished: bool) -> list[ToolCall]:
    """Tool calls in the order in which they were made; those without a result only once the call is over."""
    listed, scrubbed = items(take(call.data, _LISTS[0])), False
    if not listed:
        listed, scrubbed = items(take(call.data, _LISTS[1])), True
    return list(_tools(call, listed, scrubbed=scrubbed, finished=finished))


def _tools(call: Call, listed: list[Any], *, scrubbed: bool, finished: bool) -> Iterator[ToolCall]:
    seen: Counter[str] = Counter()
    for sequence, (question, answer) in enumerate(_pairs(listed)):
        name = text(question, "name") or text(answer, "name") or "unnamed"
        own = identifier(question, "tool_call_id") or identifier(answer, "tool_call_id") or f"{name}-without-id"[:200]
        seen[own] += 1
        if answer is None and not finished:
            continue
        started, ended = _at(call, question), _at(call, answer)
        kept = not call.stores_nothing
        yield call.tell(
            ToolCall,
            f"tool:{own}:{seen[own]}",
            at_ms=next((ms for ms in (ended, started, call.at_ms) if ms is not None), None),
            tool_call_id=own,
            occurrence=seen[own],
            sequence=sequence,
            name=name,
            # Scrubbed arguments are not those the backend saw: they would contradict its report of the same call.
            arguments=parsed(take(question, "arguments")) if kept and not scrubbed else None,
            result=parsed(take(answer, "content")) if kept else None,
            started_at=started,
            latency_ms=_latency(question, answer),
            **_outcome(call, question, name, answer),
        )


def _pairs(listed: list[Any]) -> list[tuple[Any, Any]]:
    """(invocation, result) in order; an ID may be used again, and a result may be of no invocation."""
    pairs: list[list[Any]] = []
    waiting: dict[str | None, deque[list[Any]]] = defaultdict(deque)
    for item in listed:
        role = fold(text(item, "role", limit=64) or "")
        id = identifier(item, "tool_call_id")
        if role == "toolcallinvocation":
            pairs.append([item, None])
            waiting[id].append(pairs[-1])
        elif role == "toolcallresult":
            if waiting[id]:
                waiting[id].popleft()[1] = item
            else:
                pairs.append([None, item])
    return [(question, answer) for question, answer in pairs]


def _outcome(call: Call, question: Any, name: str, answer: Any) -> dict[str, Any]:
    """A result that does not say whether it was successful was, unless it reads otherwise."""
    if answer is not None:
        content = take(answer, "content")
        failed = boolean(answer, "successful") is False
        late = failed and isinstance(content, str) and _TIMED_OUT.search(content) is not None
        return outcome(content, failed=failed, timed_out=late)
    # Tools that end or move the call are answered by that: the conversation is over before a result could come.
    what = f"{text(question, 'type', limit=64) or ''} {name}"
    reason = call.ended_reason or ""
    done = (_ENDS_CALL.search(what) and reason == "agent_hangup") or (
        _MOVES_CALL.search(what) and reason in ("call_transfer", "transfer_bridged")
    )
    return outcome(None) if done else outcome(None, timed_out=True, error="no result before the call ended")


def _at(call: Call, item: Any) -> int | None:
    return times.after(call.started_ms, times.span_ms(take(item, "time_sec"), unit_ms=1000))


def _latency(question: Json, answer: Json) -> int | None:
    """The time between invocation and result, ms."""
    begin, end = number(question, "time_sec"), number(answer, "time_sec")
    return None if begin is None or end is None else times.span_ms(end - begin, unit_ms=1000)
