"""The only place that knows which attributes of spans, log records and resources name a call, and whose they are.

A batch mixes calls, so a name counts for its own trace only. Inside of a trace the outermost span that names the call
is right: what an agent calls may have conversations of its own. And a trace may hold several calls (a job that judges a
day of them): then its ID is no name of any of them, and is said of none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stream_app.core.identities import PRECEDENCE, TRACE_SCHEME
from stream_app.core.wire import digest_of
from stream_app.providers import carriers, pipecat_traces
from stream_app.providers.otlp import LogRecord, Span
from stream_app.providers.reading import fold, identifier

Part = Span | LogRecord

CALL = ""
"""Our own call ID, among the schemes of aliases."""
CONVERSATION = "genAiConversationId"
_HEADER = "lk.sip.h."
"""Before the name of a SIP header, where LiveKit copies a participant's attributes."""
_DEEPEST = 100
"""Spans that call each other in a circle have no root."""
_TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_FORMS = {
    "twilioCallSid": _TWILIO_SID,
    "livekitRoomSid": re.compile(r"RM_\w+"),
    "livekitJob": re.compile(r"AJ_\w+"),
}  # fmt: skip
_SCHEMES = {
    # A user who names an attribute as we name the scheme (`twilio.call_sid`, `livekit.room.sid`) is understood.
    **{fold(scheme): scheme for scheme in PRECEDENCE if scheme != TRACE_SCHEME},
    "genaiconversationid": CONVERSATION,
    "lkroomsid": "livekitRoomSid",
    "lkpiiroomname": "livekitRoom",
    "lkroomname": "livekitRoom",
    "livekitroomname": "livekitRoom",
    "lksipcallid": "sipCallId",
    "lksiptwiliocallsid": "twilioCallSid",
    "siptwiliocallsid": "twilioCallSid",
    "amazonconnectcontactid": "connectContactId",
    "awsconnectcontactid": "connectContactId",
}
_SCHEMES_BY_FORM = {
    "callsid": "twilioCallSid", "roomid": "livekitRoomSid", "jobid": "livekitJob", "lkjobid": "livekitJob",
}  # fmt: skip
"""Names that anybody may use for anything: they count where the value has the form of what the scheme names."""


_Stated = dict[str, tuple[str, str]]
"""By scheme a name, and who stated it."""


class Names:
    """Who the call is, for every part of one trace in one document."""

    def __init__(self, trace_id: str | None, spans: Sequence[Span], records: Sequence[LogRecord]) -> None:
        self._trace_id = trace_id
        self._spans = {span.span_id: span for span in spans if span.span_id is not None}
        parts: tuple[Part, ...] = (*spans, *records)
        self._said = {id(part): _said(part) for part in parts}
        self._around = {id(part): _said_around(part) for part in parts}
        outermost = _values(map(self._outermost, parts))
        calls = outermost.get(CALL) or _values(self._around.values()).get(CALL) or set()
        self.several = len(calls) > 1 or (not calls and len(outermost.get(CONVERSATION, ())) > 1)
        """Whether the trace holds several calls."""
        self._anywhere = {} if self.several else _only(self._said.values())
        self._around_any = {} if self.several else _only(self._around.values())

    def of(self, part: Part, query: Mapping[str, str]) -> dict[str, Any]:
        """`canonical_call_id`, `aliases` and `trace_id` of the events that this part gives."""
        found = {scheme: name for scheme, (name, _) in self._resolved(part).items()}
        call = found.pop(CALL, None) or carriers.call_id(query)
        for scheme in (CONVERSATION, "pipecatConversationId"):
            for other in ("twilioCallSid", "livekitRoomSid"):
                if _FORMS[other].fullmatch(found.get(scheme, "")):
                    found.setdefault(other, found[scheme])
        of_several = self.several and (call is not None or len(found) > 0)
        trace_id = None if of_several else self._trace_id or carriers.trace_id(part.attributes)
        return {"canonical_call_id": call, "aliases": found, "trace_id": trace_id}

    def stated_by(self, part: Part) -> str:
        """Who stated the names of this part, in short: the same span in other company may have other names.

        Part of event IDs, where the names themselves must not be: they may hold phone numbers.
        """
        return digest_of(sorted(f"{scheme} {by}" for scheme, (_, by) in self._resolved(part).items()))[:8]

    def ancestors(self, part: Part) -> Iterator[Span]:
        """The spans around this one that the document holds, from its parent to its root."""
        above = part.parent_span_id if isinstance(part, Span) else part.span_id
        for _ in range(_DEEPEST):
            span = self._spans.get(above) if above is not None else None
            if span is None or span is part:
                return
            yield span
            above = span.parent_span_id

    def _resolved(self, part: Part) -> _Stated:
        return self._around_any | self._around[id(part)] | self._anywhere | self._outermost(part)

    def _outermost(self, part: Part) -> _Stated:
        found = dict(self._said[id(part)])
        for span in self.ancestors(part):
            found |= self._said[id(span)]
        return found


def how_many(names: Mapping[str, Any]) -> int:
    """How many names of the call these are."""
    return len(names["aliases"]) + sum(names[field] is not None for field in ("canonical_call_id", "trace_id"))


def own_name(part: Part) -> str | None:
    """What a part itself says of whose it is, whatever came with it."""
    stated = {scheme: name for scheme, (name, _) in _said(part).items()}
    return stated.get(CALL) or stated.get(CONVERSATION) or next(iter(stated.values()), None)


def is_pipecats(span: Span) -> bool:
    """Whether this span was made by Pipecat; a collector may have taken its scope away."""
    if span.scope is not None:
        return span.scope.startswith("pipecat")
    return span.name in pipecat_traces.NAMES and "conversation.id" in span.attributes


def _said(part: Part) -> _Stated:
    found = _names_in(part.attributes)
    if isinstance(part, Span) and is_pipecats(part):
        conversation = identifier(part.attributes.get("conversation.id"))
        if conversation is not None:
            found.setdefault("pipecatConversationId", conversation)
    by = part.span_id or f"{type(part).__name__} {part.number}"
    return {scheme: (name, by) for scheme, name in found.items()}


def _said_around(part: Part) -> _Stated:
    """Of the scope and the process; the process of a worker that takes one call after another names its first one."""
    found = _names_in(part.resource) | _names_in(part.scope_attributes)
    found.pop("testRunId", None)  # A process that runs tests makes many calls.
    if "livekitRoomSid" in found and (room := identifier(part.scope_attributes.get("room"))) is not None:
        found.setdefault("livekitRoom", room)
    return {scheme: (name, "process") for scheme, name in found.items()}


def _names_in(values: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        folded = fold(name).replace(".", "")
        scheme = _SCHEMES.get(folded) or _SCHEMES_BY_FORM.get(folded)
        if scheme is None or (named := identifier(value)) is None:
            continue
        if folded in _SCHEMES or _FORMS[scheme].fullmatch(named):
            found.setdefault(scheme, named)
    if (run := carriers.test_run(values)) is not None:
        found.setdefault("testRunId", run)
    headers = {name[len(_HEADER) :]: value for name, value in values.items() if name.lower().startswith(_HEADER)}
    if (call := carriers.call_id(values, headers)) is not None:
        found[CALL] = call
    return found


def _values(stated: Iterable[_Stated]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for names in stated:
        for scheme, (name, _) in names.items():
            found[scheme].add(name)
    return found


def _only(stated: Iterable[_Stated]) -> _Stated:
    """Of each scheme the one name that is stated, if it is one; by whomever comes first among all who state it."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for names in stated:
        for scheme, name in names.items():
            found[scheme].add(name)
    return {scheme: min(names) for scheme, names in found.items() if len({name for name, _ in names}) == 1}
