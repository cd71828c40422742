"""The only place that knows LiveKit Agents' session report: the end of a session, its tools, transcript, judgements.

Sources: `SessionReport` and `ChatContext` of livekit-agents (Python 1.8) and of its Node twin. Python writes seconds
and Node milliseconds into the same fields; no time of a call can be taken for the other. The recording's path is one on
the agent's machine, mostly deleted with the job: it is no evidence, unless somebody put a store's address there.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stream_app.core.events import (
    ArtifactReady,
    Assertion,
    CallEnded,
    EvaluationCompleted,
    Event,
    Measures,
    ToolCall,
)
from stream_app.core.wire import Json
from stream_app.providers import artifacts, carriers, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, staged_transcript
from stream_app.providers.livekit_call import Call, named
from stream_app.providers.otlp import p95
from stream_app.providers.privacy import bare_link
from stream_app.providers.python_repr import parsed_repr
from stream_app.providers.reading import boolean, first, fold, identifier, items, mapping, number, parsed, take, text
from stream_app.providers.restated import fitting
from stream_app.providers.tool_results import outcome
from stream_app.providers.turns import Turn, document_of

EVALUATOR = "livekit-agents"
SPEAKERS = {"user": "user", "assistant": "agent"}
"""Roles of messages that were spoken; the others are prompts."""
_MILLIS_FROM = 100_000_000_000
"""As seconds beyond the year 5000, as milliseconds before any call."""
_LATE = re.compile(r"(.{1,240})_(final|update_[0-9]{1,6})", re.DOTALL)
"""A tool that answered before it was done tells the rest under its own ID with such an ending."""
_JUDGE = re.compile(r"lk\.judge\.(.{1,200}):(.{1,40})", re.DOTALL)
_SCORES = {"pass": 1.0, "maybe": 0.5, "fail": 0.0}
"""What LiveKit counts a judge's verdict for."""
_OUTCOMES = {"success": True, "fail": False}
_MARKUP = re.compile(r"</?expr\b[^<>]{0,500}>")
"""How an expressive voice is told to speak: never said."""
_MAX_JUDGED = 500


def holds(document: Json) -> bool:
    """Whether this is a session report, or the chat history of one."""
    if isinstance(take(document, "chat_history"), dict | list | str):
        return True
    if any(text(one, "type") == "message" for one in items(take(document, "items"))):
        return True
    stated = ("events", "close_reason", "sdk_version", "audio_recording_path", "tags")
    return take(document, "job_id") is not None and any(take(document, name) is not None for name in stated)


@dataclass(frozen=True)
class Session:
    """A report, and the call that it is about."""

    call: Call
    document: dict[str, Any]
    history: list[Any] | None
    """Items of the chat history; None where the report leaves it out."""
    events: list[Any] | None
    """What happened in the session; None where the report leaves it out."""
    tags: dict[str, str]
    """`key:value` as the agent's makers set them."""

    @cached_property
    def name(self) -> str:
        """Of the session, in the IDs of its facts."""
        return self.call.aliases.get("livekitJob", "session")

    @cached_property
    def said_ms(self) -> int | None:
        """When the report was made."""
        return moment(take(self.document, "timestamp"))

    @cached_property
    def close(self) -> dict[str, Any]:
        """The last event that closed the session."""
        found = [one for one in self.events or () if text(one, "type") == "close"]
        return mapping(found[-1]) if found else {}

    @cached_property
    def is_final(self) -> bool:
        """A report can be made while the session goes on; one without events is made for what comes after."""
        closed = bool(self.close) or text(self.document, "close_reason") is not None
        return closed or (self.events is None and self.said_ms is not None)

    @cached_property
    def ended_ms(self) -> int | None:
        """When the session was closed; what was told last, where that is not said."""
        stated = [moment(take(self.close, "created_at")), self.said_ms, max(self._made_ms, default=None)]
        return next((at for at in stated if at is not None), None)

    @cached_property
    def duration_ms(self) -> int | None:
        """How long it was, as stated."""
        return times.span_ms(take(self.document, "duration_ms"), unit_ms=1)

    @cached_property
    def began_ms(self) -> int | None:
        """When it began, as far as that can be told: stated, or counted back, or with its first item."""
        stated = moment(first(self.document, "started_at", "audio_recording_started_at"))
        if stated is None and self.said_ms is not None and self.duration_ms is not None:
            stated = self.said_ms - self.duration_ms
        if stated is None:
            stated = min(self._made_ms, default=None)
        if stated is None or stated < times.NEVER_BEFORE_MS:
            return None
        return stated if self.ended_ms is None or stated <= self.ended_ms else None

    @cached_property
    def _made_ms(self) -> list[int]:
        return [at for one in self.history or () if (at := moment(take(one, "created_at"))) is not None]

    @cached_property
    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        """(speaker, message) of all that was said."""
        found = [one for one in self.history or () if text(one, "type") == "message"]
        return [(SPEAKERS[role], one) for one in found if (role := text(one, "role", limit=32) or "") in SPEAKERS]


def moment(value: Json) -> int | None:
    """A time in seconds or milliseconds since the epoch."""
    found = number(value)
    return None if found is None else times.millis(found) if found >= _MILLIS_FROM else times.seconds(found)


def normalize(delivery: Delivery, document: dict[str, Any]) -> Normalised:
    """Everything that a report says; a history without a report is one that somebody kept, and has no end."""
    session = _read(delivery, document)
    tools = list(_tools(session)) if session.history is not None or session.events is not None else None
    events: list[Event] = [*(tools or ()), *_judgements(session)]
    blobs: tuple[Blob, ...] = ()
    if session.is_final:
        events.insert(0, _ended(session, tools))
    if session.is_final or take(document, "items") is not None:
        transcript, blobs = _transcript(session)
        recording, links = _recording(session)
        events += [*transcript, *recording]
        blobs += links
    if not events:
        return session.call.linked("session", session.said_ms, "the session goes on, and no tool has answered")
    return Normalised(tuple(events), blobs)


def _read(delivery: Delivery, document: dict[str, Any]) -> Session:
    chat = parsed(take(document, "chat_history"))
    history = chat if isinstance(chat, list) else first(chat, "items") or take(document, "items")
    listed = take(document, "tags")
    tags = dict(one.split(":", 1) for one in items(listed) if isinstance(one, str) and ":" in one) or {
        key: value for key, value in mapping(listed).items() if isinstance(value, str)
    }
    places = (delivery.query, mapping(take(document, "metadata")), document, tags)
    aliases = named(
        livekitRoomSid=(take(document, "room_id"), take(document, "room", "sid")),
        livekitRoom=(take(document, "room"), take(document, "room", "name")),
        livekitJob=(take(document, "job_id"),),
        testRunId=(carriers.test_run(*places),),
    )
    events = take(document, "events")
    return Session(
        Call(delivery, aliases, places),
        document,
        history if isinstance(history, list) else None,
        events if isinstance(events, list) else None,
        tags,
    )


def _ended(session: Session, tools: list[ToolCall] | None) -> CallEnded:
    document, ended = session.document, session.ended_ms
    reason = text(session.close, "reason") or text(document, "close_reason")
    # Of two ends at one moment the one with the larger ID speaks: `session` knows the tools, `room` does not.
    return session.call.tell(
        CallEnded,
        f"ended:session:{session.name}",
        at_ms=ended,
        ended_at=session.call.delivery.received_ms if ended is None else ended,
        started_at=session.began_ms,
        duration_ms=session.duration_ms,
        disconnect_reason=None if reason is None else reason.removeprefix("CR_").lower(),
        agent_id=text(document, "agent_name"),
        agent_version=session.call.agent_version,
        language=session.tags.get("language", "")[:64] or None,
        tools_final=tools is not None,
        expected_tool_calls=None if tools is None else len(tools),
        measures=_measures(session),
    )


def _measures(session: Session) -> Measures:
    sure = [number(one, "transcript_confidence") for speaker, one in session.messages if speaker == "user"]
    broken = [boolean(one, "interrupted") for speaker, one in session.messages if speaker == "agent"]
    waits = [times.span_ms(take(one, "metrics", "e2e_latency"), unit_ms=1000) for _, one in session.messages]
    shares = [float(one) for one in sure if one is not None and 0 <= one <= 1]
    return Measures(
        min_asr_confidence=min(shares, default=None),
        p95_response_ms=p95([one for one in waits if one is not None]),
        interruptions=sum(one is True for one in broken) if any(one is not None for one in broken) else None,
    )


@dataclass(slots=True)
class _Asked:
    """One tool call of the session."""

    id: str
    occurrence: int
    question: dict[str, Any]
    answer: dict[str, Any] | None = None


def _asked(found: list[Any]) -> list[_Asked]:
    """Calls in their order; where an ID is used again the first output of that ID belongs to its first call."""
    asked: list[_Asked] = []
    waiting: dict[str, list[_Asked]] = defaultdict(list)
    latest: dict[str, _Asked] = {}
    seen: Counter[str] = Counter()
    for one in found:
        kind = fold(text(one, "type", limit=64) or "")
        if kind not in ("functioncall", "functioncalloutput"):
            continue
        own = identifier(one, "call_id") or f"{text(one, 'name') or 'unnamed'}-without-id"[:200]
        late = _LATE.fullmatch(own)
        if late is not None and late[1] in latest:
            if late[2] == "final" and kind == "functioncalloutput":
                latest[late[1]].answer = one
        elif kind == "functioncalloutput" and waiting[own]:
            waiting[own].pop(0).answer = one
        else:
            seen[own] += 1
            # An output whose call is not listed was a call all the same.
            is_call = kind == "functioncall"
            latest[own] = _Asked(own, seen[own], one if is_call else {}, None if is_call else one)
            asked.append(latest[own])
            if is_call:
                waiting[own].append(latest[own])
    return asked


def _tools(session: Session) -> Iterator[ToolCall]:
    found = session.history
    if found is None:
        ran = [one for one in session.events or () if text(one, "type") == "function_tools_executed"]
        found = [
            {"type": kind, **mapping(part)}
            for one in ran
            for kind, name in (("function_call", "function_calls"), ("function_call_output", "function_call_outputs"))
            for part in items(take(one, name))
        ]
    endings = _endings(session)
    for sequence, one in enumerate(_asked(found)):
        stated = endings.get(one.id, [])[one.occurrence - 1 : one.occurrence]
        if one.answer is None and not stated and not session.is_final:
            continue
        began, done = (moment(take(part, "created_at")) for part in (one.question, one.answer))
        at = next((ms for ms in (done, began, session.ended_ms) if ms is not None), None)
        result, how = _outcome(one.answer, stated[0] if stated else None)
        yield session.call.tell(
            ToolCall,
            f"tool:{session.name}:{one.id}:{one.occurrence}",
            at_ms=at,
            tool_call_id=one.id,
            occurrence=one.occurrence,
            sequence=sequence,
            name=text(one.question, "name") or text(one.answer, "name") or "unnamed",
            # The Node SDK wrote its own name for them, before both wrote the same.
            arguments=parsed(first(one.question, "arguments", "args")),
            result=result,
            started_at=began,
            latency_ms=done - began if began is not None and done is not None and done >= began else None,
            **how,
        )


def _endings(session: Session) -> dict[str, list[str]]:
    """Tool call ID -> how its calls ended, where the session's events say so: a cancelled one leaves no other trace."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in session.events or ():
        update = take(one, "update")
        if text(one, "type") != "tool_execution_updated" or text(update, "type") != "tool_call_ended":
            continue
        own, status = identifier(update, "call_id"), text(update, "status", limit=32)
        if own is not None and status is not None:
            found[own].append(status.lower())
    return found


def _outcome(answer: dict[str, Any] | None, ending: str | None) -> tuple[Json, dict[str, Any]]:
    """(result, status and error): an error's output is what the model was told, mostly not what happened."""
    if ending == "cancelled":
        return None, outcome(None, error="cancelled")
    if answer is None:
        if ending is not None:
            return None, outcome(None, failed=ending == "error")
        return None, outcome(None, timed_out=True, error="no output before the session ended")
    said = take(answer, "output")
    if boolean(answer, "is_error") is True or ending == "error":
        return None, outcome(None, error=text(said) or "the tool reported an error")
    result = parsed(said)
    result = parsed_repr(result) if isinstance(result, str) else result
    return result, outcome(result)


def _judgements(session: Session) -> Iterator[EvaluationCompleted]:
    """Judges' verdicts and the session's outcome: from tags, or in full where the report was given them."""
    listed = [one for one in items(take(session.document, "tags")) if isinstance(one, str)]
    verdicts = {match[1]: match[2] for one in listed if (match := _JUDGE.fullmatch(one)) is not None}
    for one in items(take(session.document, "evaluations")):
        name, verdict = text(one, "name", limit=200), text(one, "verdict", limit=40)
        if name is not None and verdict is not None:
            verdicts[name] = verdict
    for name, verdict in list(verdicts.items())[:_MAX_JUDGED]:
        verdict = verdict.lower()
        if verdict in _SCORES:
            passed = None if verdict == "maybe" else verdict == "pass"
            yield _judged(session, f"judge:{name}", name, verdict, passed, session.said_ms, score=_SCORES[verdict])
    stated = text(session.document, "outcome", limit=32) or next(
        (one.removeprefix("lk.") for one in listed if one in ("lk.success", "lk.fail")), ""
    )
    if (word := stated.lower()) in _OUTCOMES:
        # A tag may have been set at any moment of the session: a judgement that names its time speaks before it.
        at = next((ms for ms in (session.began_ms, session.ended_ms) if ms is not None), None)
        yield _judged(session, "outcome", "session outcome", word, _OUTCOMES[word], at)


def _judged(
    session: Session, fact: str, rubric: str, label: str, passed: bool | None, at_ms: int | None, **fields: Any
) -> EvaluationCompleted:
    rubric = text(rubric) or "unnamed"
    return session.call.tell(
        EvaluationCompleted,
        f"evaluation:{session.name}:{fact}",
        at_ms=at_ms,
        evaluation_id=fitting(f"{session.name}:{text(fact) or 'unnamed'}"),
        test_run_id=session.call.aliases.get("testRunId"),
        rubric=rubric,
        evaluator=EVALUATOR,
        evaluator_version=text(session.document, "sdk_version"),
        label=label,
        failure_label=rubric if passed is False else None,
        assertions=() if passed is None else (Assertion(name=rubric, passed=passed),),
        **fields,
    )


def _transcript(session: Session) -> tuple[list[Event], tuple[Blob, ...]]:
    if session.history is None:
        return [], ()
    turns = [Turn(speaker, said, _start(session, one)) for speaker, one in session.messages if (said := _said(one))]
    fact, at = f"transcript:{session.name}", session.ended_ms
    if not turns:
        reason = "nothing was said in the session"
        return [session.call.tell(
            ArtifactReady, fact, at_ms=at, artifact="transcript", availability="never", reason=reason
        )], ()  # fmt: skip
    reference, blob = staged_transcript(document_of(turns))
    reference = reference.model_copy(update={"producer": EVALUATOR})
    return [session.call.tell(
        ArtifactReady, fact, at_ms=at, artifact="transcript", availability="ready", reference=reference
    )], (blob,)  # fmt: skip


def _said(message: dict[str, Any]) -> str:
    """The words of a message: text, or what was heard in a piece of audio."""
    content = take(message, "content")
    parts = [take(one, "transcript") if isinstance(one, dict) else one for one in items(content) or [content]]
    return _MARKUP.sub("", "\n".join(one for one in parts if isinstance(one, str))).strip()


def _start(session: Session, message: dict[str, Any]) -> int | None:
    """When a message began to be spoken, counted from the session's begin; `created_at` is when it was complete."""
    at = moment(take(message, "metrics", "started_speaking_at")) or moment(take(message, "created_at"))
    return None if at is None or session.began_ms is None else max(at - session.began_ms, 0)


def _recording(session: Session) -> tuple[list[Event], tuple[Blob, ...]]:
    link = text(session.document, "audio_recording_path", limit=4096)
    if link is None or bare_link(link) is None:
        return [], ()
    reference, blobs = artifacts.at_link(session.call.delivery, link, producer=EVALUATOR)
    return [session.call.tell(
        ArtifactReady, f"recording:{session.name}", at_ms=session.ended_ms, artifact="recording",
        availability="ready", reference=reference,
    )], blobs  # fmt: skip
