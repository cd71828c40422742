"""The only place that knows how Pipecat speaks: events of its FunctionCallObserver, its runner's start message, spans.

Sources: Pipecat 1.14. An observer's events name no call, so the application that sends them adds one, beside their
fields, around them, in `metadata` or in the query: `canonicalCallId` or `call_id` (ours), `conversation_id`
(Pipecat's), `callSid`. What a tool was called with stands only in the events that open a call, what became of it only
in the one that settles it: sent together in a list (or as `events`) they make one whole report.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stream_app.core.events import IdentityLinked, ToolCall
from stream_app.core.wire import Json
from stream_app.providers import carriers, otlp, pipecat_traces, times
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.reading import first, fold, identifier, mapping, parsed, take, text
from stream_app.providers.tool_results import outcome

OPENING = ("function_call_started", "function_call_in_progress")
SETTLING = ("function_call_completed", "function_call_failed", "function_call_timed_out", "function_call_cancelled")
STREAM_EVENTS = ("connected", "media", "mark", "dtmf", "clear", "stop", "start")
"""What a carrier's media stream says."""
_TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")


def normalize(delivery: Delivery) -> Normalised:
    """Which of Pipecat's documents is it?"""
    document = delivery.document
    if not isinstance(document, dict | list):
        raise Refused("not_readable", "neither a JSON object nor a list")
    if otlp.holds(document):
        return pipecat_traces.normalize(delivery)
    moments = _moments(document)
    if moments:
        return _function_calls(delivery, moments)
    if isinstance(document, dict):
        if (text(document, "event", limit=32) or "").lower() in STREAM_EVENTS:
            return _media_stream(delivery, document)
        call = mapping(take(document, "call_data")) or document
        if take(call, "call_id") is not None and take(call, "stream_id") is not None:
            return _link(delivery, "start", _call_data(call), mapping(take(call, "body")))
    raise Refused("unknown_shape", "no function call event, no start message, no spans")


Moment = tuple[str, dict[str, Any], tuple[Mapping[str, Any], ...]]
"""Kind, event, and the places where its call may be named."""


def _moments(document: Json) -> list[Moment]:
    around = document if isinstance(document, dict) else {}
    inner = first(around, "events", "event", "data") if isinstance(around, dict) else None
    parts = document if isinstance(document, list) else inner if isinstance(inner, list) else [inner, around]
    found: list[Moment] = []
    for part in parts:
        kind = (text(first(part, "kind", "type"), limit=64) or "").lower()
        if isinstance(part, dict) and kind in OPENING + SETTLING:
            places = (part, mapping(take(part, "metadata")), around, mapping(take(around, "metadata")))
            found.append((kind, part, places))
    return found


def _function_calls(delivery: Delivery, moments: list[Moment]) -> Normalised:
    """Each call that settled; what was asked is looked up among the moments before."""
    opened: dict[str, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    told: set[str] = set()
    events: list[ToolCall] = []
    for kind, moment, places in moments:
        own = identifier(moment, "tool_call_id")
        if own is None:
            raise Refused("invalid_value", "a function call without its tool_call_id")
        if kind in OPENING:
            known = opened.setdefault(own, {})
            known |= {name: value for name, value in moment.items() if value is not None}
            continue
        names, at = _names(delivery, *places), times.seconds(take(moment, "timestamp"))
        id = f"{_one_name(names)}:tool:{own}:{kind}:{at}"
        if id in told:
            continue  # The same moment once more, not the tool once more.
        told.add(id)
        opening = opened.pop(own, {})
        seen[own] += 1
        running = _running_since(opening, moment)
        events.append(event(
            ToolCall, delivery, id=id, at_ms=at, tool_call_id=own, occurrence=seen[own],
            name=text(moment, "function_name") or text(opening, "function_name") or "unnamed",
            arguments=parsed(first(moment, "arguments") or take(opening, "arguments")),
            result=parsed(take(moment, "result")),
            started_at=running or times.seconds(take(opening, "started_at")),
            latency_ms=at - running if at is not None and running is not None and at >= running else None,
            **_outcome(kind, moment), **names,
        ))  # fmt: skip
    if events:
        return Normalised(tuple(events))
    kind, moment, places = moments[0]
    names, at = _names(delivery, *places), times.seconds(take(moment, "timestamp"))
    own = identifier(moment, "tool_call_id")
    return _linked(delivery, f"{_one_name(names)}:tool:{own}:{kind}:{at}", names, at)


def _one_name(names: dict[str, Any]) -> str | None:
    found: str | None = names["canonical_call_id"] or next(iter(names["aliases"].values()), names["trace_id"])
    return found


def _running_since(opening: dict[str, Any], moment: dict[str, Any]) -> int | None:
    """When the handler began to run: the settling event says it, else the one that told of it."""
    stated = times.seconds(take(moment, "in_progress_at"))
    if stated is None and (text(opening, "kind") or "").endswith("in_progress"):
        return times.seconds(take(opening, "timestamp"))
    return stated


def _outcome(kind: str, moment: dict[str, Any]) -> dict[str, Any]:
    result, error = take(moment, "result"), text(moment, "error")
    if kind == "function_call_cancelled":
        return outcome(result, error=error or "cancelled")
    return outcome(result, failed=kind.endswith("failed"), timed_out=kind.endswith("timed_out"), error=error)


def _names(delivery: Delivery, *places: Mapping[str, Any]) -> dict[str, Any]:
    """Who the call is. `call_id` is the application's own name of it, unless it looks like a carrier's."""
    places = (delivery.query, *places)
    aliases: dict[str, str] = {}
    if (conversation := _named(places, "conversation_id", "conversation.id")) is not None:
        aliases["pipecatConversationId"] = conversation
        if _TWILIO_SID.fullmatch(conversation):
            aliases["twilioCallSid"] = conversation
    if (sid := _named(places, "callSid")) is not None:
        aliases["twilioCallSid" if sid.startswith("CA") else "exotelCallSid"] = sid
    call = _named(places, "call_id")
    if call is not None and (scheme := _carrier(call)) is not None:
        aliases.setdefault(scheme, call)
        call = None
    if (run := carriers.test_run(*places)) is not None:
        aliases["testRunId"] = run
    return {
        "canonical_call_id": carriers.call_id(*places) or call,
        "aliases": aliases,
        "trace_id": carriers.trace_id(*places),
    }


def _named(places: tuple[Mapping[str, Any], ...], *names: str) -> str | None:
    wanted = {fold(name) for name in names}
    values = (value for place in places for name, value in place.items() if fold(name) in wanted)
    return next((found for value in values if (found := identifier(value)) is not None), None)


def _carrier(name: str) -> str | None:
    """The scheme of a call's name at a carrier, where its form tells."""
    if _TWILIO_SID.fullmatch(name):
        return "twilioCallSid"
    return "telnyxCallControlId" if name.startswith("v3:") else None


def _media_stream(delivery: Delivery, document: dict[str, Any]) -> Normalised:
    """What Twilio, Telnyx, Plivo and Exotel say as a stream begins or ends: the call's names and parameters."""
    kind = (text(document, "event", limit=32) or "").lower()
    part = mapping(take(document, kind))
    if kind not in ("start", "stop") or not part:
        raise Refused("nothing_to_report", "a media stream's event that names no call")
    aliases: dict[str, str] = {}
    for scheme, found in (
        ("twilioCallSid", part.get("callSid")),
        ("exotelCallSid", part.get("call_sid")),
        ("plivoCallId", part.get("callId")),
        ("telnyxCallControlId", take(part, "call_control_id")),
        ("twilioStreamSid", first(part, "streamSid") if "callSid" in part else None),
    ):
        if (name := identifier(found)) is not None:
            aliases[scheme] = name
    return _link(delivery, kind, aliases, mapping(first(part, "customParameters", "custom_parameters")))


def _call_data(call: dict[str, Any]) -> dict[str, str]:
    """The runner's own reading of a start message, whichever carrier it came from."""
    name, stream = identifier(call, "call_id"), identifier(call, "stream_id")
    if name is None:
        return {}
    scheme = _carrier(name) or ("exotelCallSid" if take(call, "account_sid") is not None else "plivoCallId")
    return {scheme: name} | ({"twilioStreamSid": stream} if stream is not None and stream.startswith("MZ") else {})


def _link(delivery: Delivery, kind: str, aliases: dict[str, str], parameters: dict[str, Any]) -> Normalised:
    names = _names(delivery, parameters)
    names["aliases"] = aliases | names["aliases"]
    return _linked(delivery, f"{_one_name(names)}:{kind}", names, None)


def _linked(delivery: Delivery, id: str, names: dict[str, Any], at: int | None) -> Normalised:
    """No evidence, but two names of one call."""
    if len(names["aliases"]) + (names["canonical_call_id"] is not None) + (names["trace_id"] is not None) < 2:
        raise Refused("nothing_to_report", "a call that has not settled, or one name alone")
    return Normalised((event(IdentityLinked, delivery, id=f"{id}:names", at_ms=at, **names),))
