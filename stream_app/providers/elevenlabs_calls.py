"""The only place that knows ElevenLabs' conversation object: which call it is, its end, tools, judgements, transcript.

Sources: ElevenLabs' documentation of post-call webhooks, and its SDK's models (2.78). Times are Unix seconds, latencies
seconds. Of tools only name, arguments, result and outcome are read: `tool_details` holds headers and whole requests.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import Assertion, CallEnded, EvaluationCompleted, Event, IdentityLinked, Measures, ToolCall
from stream_app.core.wire import Json, digest_of
from stream_app.providers import artifacts, carriers, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused, event, staged_transcript
from stream_app.providers.reading import boolean, first, identifier, items, mapping, number, parsed, take, text
from stream_app.providers.tool_results import outcome

RAW = "raw"
"""The kind of what came as the unredacted one of two."""
UNDER_WAY = ("initiated", "in-progress")
TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_SAID = re.compile(r"([A-Za-z._-]{1,40})\s*[=:]\s*(\S{1,256})")
_MAX_SCORED = 500
"""More judgements of one call than this are no judgements."""


@dataclass(frozen=True, slots=True)
class Call:
    """A conversation object, and what every event made of it says."""

    delivery: Delivery
    data: dict[str, Any]
    kind: str
    """Which of the payloads it came in: reports of one fact in two of them are two reports."""
    stamp: str
    """Tells two payloads of one kind apart: a judgement may be made again."""
    names: dict[str, Any]
    said_ms: int | None
    """When the payload was made."""

    @property
    def prefix(self) -> str:
        """Begin of the IDs of its events."""
        aliases = self.names["aliases"]
        name = aliases.get("elevenlabsConversationId") or next(iter(aliases.values()), None)
        return f"{name or self.names['canonical_call_id']}:{self.kind}:{self.stamp}"

    @property
    def started_ms(self) -> int | None:
        """When it began."""
        return times.seconds(take(self.data, "metadata", "start_time_unix_secs"))

    @property
    def duration_ms(self) -> int | None:
        """How long it was."""
        return times.span_ms(take(self.data, "metadata", "call_duration_secs"), unit_ms=1000)

    @property
    def ended_ms(self) -> int | None:
        """When it ended; where that is not said, when the payload was made."""
        if self.started_ms is None or self.duration_ms is None:
            return self.said_ms
        return times.after(self.started_ms, self.duration_ms)

    @property
    def settled_ms(self) -> int | None:
        """When all was known: never before the call's end, though documented payloads are dated so."""
        known = [moment for moment in (self.ended_ms, self.said_ms) if moment is not None]
        return max(known, default=None)


def read(delivery: Delivery, data: dict[str, Any], kind: str, said: Json) -> Call:
    """A call from its conversation object; `said` is the time that stands beside it."""
    said_ms = times.seconds(said) or times.iso(said)
    stamp = str(said_ms // 1000) if said_ms is not None else digest_of(data)[:16]
    return Call(delivery, data, kind, stamp, names_of(delivery, data), said_ms)


def names_of(delivery: Delivery, data: dict[str, Any]) -> dict[str, Any]:
    """Who the call is: `canonical_call_id`, `aliases` and `trace_id` of its events."""
    client = mapping(take(data, "conversation_initiation_client_data"))
    variables = _carried(first(client, "dynamic_variables") or take(data, "dynamic_variables"))
    phone = mapping(take(data, "metadata", "phone_call"))
    headers = _carried(take(phone, "sip_header_dynamic_variables"))
    user = _of_user(first(data, "user_id") or take(client, "user_id"))
    places = (delivery.query, variables, headers, mapping(take(client, "custom_llm_extra_body")), user)
    aliases: dict[str, str] = {}
    if (conversation := identifier(data, "conversation_id")) is not None:
        aliases["elevenlabsConversationId"] = conversation
    aliases |= phone_names(text(phone, "type"), first(phone, "call_sid") or take(variables, "system__call_sid"))
    if (stream := identifier(phone, "stream_sid")) is not None and stream.startswith("MZ"):
        aliases["twilioStreamSid"] = stream
    if (run := carriers.test_run(*places)) is not None:
        aliases["testRunId"] = run
    return {
        "canonical_call_id": carriers.call_id(*places),
        "aliases": aliases,
        "trace_id": carriers.trace_id(*places),
    }


def phone_names(carrier: str | None, sid: Json) -> dict[str, str]:
    """The name that the call has at whoever carried it; `carrier` is its `type` as ElevenLabs writes it."""
    name = identifier(sid)
    if name is None or name.lower() in ("none", "null", "unknown"):
        return {}
    if TWILIO_SID.fullmatch(name) or (carrier or "").lower() == "twilio":
        return {"twilioCallSid": name}
    return {"exotelCallSid" if (carrier or "").lower() == "exotel" else "sipCallId": name}


def _carried(value: Json) -> dict[str, Any]:
    """Free fields by their names; a SIP header `X-Name` is among them as `sip_name`."""
    found: dict[str, Any] = {}
    for part in value if isinstance(value, list) else [value]:
        for name, one in mapping(part).items():
            found[name] = one
            if name.lower().startswith("sip_"):
                found.setdefault(name[len("sip_") :], one)
    return found


def _of_user(value: Json) -> dict[str, Any]:
    """`user_id` names a person: it counts only where it says that it names a call, as `canonicalCallId=…` or JSON."""
    stated = text(value)
    match = _SAID.fullmatch(stated) if stated is not None else None
    return {match[1]: match[2]} if match else mapping(value)


def normalize(call: Call) -> Normalised:
    """Everything that a conversation object says."""
    status = (text(call.data, "status", limit=32) or "").lower()
    if status in UNDER_WAY:
        return linked(call, "the call is not over")
    # While `processing` the transcript may still be incomplete, and there are no judgements yet.
    settled = status != "processing"
    turns = items(take(call.data, "transcript")) if settled else []
    tools = list(_tools(call, turns))
    events: list[Event] = [_ended(call, status, turns, tools), *tools, *_evaluations(call)]
    events += _other_name(call)
    transcript, blobs = _transcript(call, turns, status)
    events += transcript
    deleted = times.seconds(take(call.data, "metadata", "deletion_settings", "deleted_audio_at_time_unix_secs"))
    if settled and (boolean(call.data, "has_audio") is False or deleted is not None):
        reason = "the audio was deleted at the provider" if deleted is not None else "the provider kept no audio"
        events.append(
            artifacts.never(
                call.delivery, "recording", reason, id=f"{call.prefix}:audio", at_ms=call.ended_ms, **call.names
            )
        )
    return Normalised(tuple(events), blobs)


def linked(call: Call, otherwise: str) -> Normalised:
    """No evidence, but two names of one call."""
    known = len(call.names["aliases"]) + sum(call.names[one] is not None for one in ("canonical_call_id", "trace_id"))
    if known < 2:
        raise Refused("nothing_to_report", otherwise)
    id = f"{call.prefix}:names"
    return Normalised((event(IdentityLinked, call.delivery, id=id, at_ms=call.said_ms, **call.names),))


def _other_name(call: Call) -> Iterator[Event]:
    """A SIP call may have two names, the trunk's and its `X-Call-ID`: one event has room for one of them."""
    phone = take(call.data, "metadata", "phone_call")
    headers = _carried(take(phone, "sip_header_dynamic_variables"))
    other = identifier(phone, "call_id") or identifier(first(headers, "callid", "x_call_id"))
    aliases = call.names["aliases"]
    if other is not None and other != aliases.get("sipCallId"):
        names = {**call.names, "aliases": {**aliases, "sipCallId": other}}
        yield event(IdentityLinked, call.delivery, id=f"{call.prefix}:sip", at_ms=call.ended_ms, **names)


def _ended(call: Call, status: str, turns: list[Any], tools: list[ToolCall]) -> CallEnded:
    data, metadata = call.data, take(call.data, "metadata")
    client = mapping(take(data, "conversation_initiation_client_data"))
    error = mapping(take(metadata, "error"))
    reason = text(metadata, "termination_reason")
    if error:
        reason = f"error {text(error, 'code', limit=32) or 'without a code'}: {text(error, 'reason') or 'not stated'}"
    if reason is None and status == "failed":
        reason = "failed"
    flags = [flag for turn in turns if (flag := boolean(turn, "interrupted")) is not None]
    return event(
        CallEnded,
        call.delivery,
        id=f"{call.prefix}:ended",
        at_ms=call.ended_ms,
        ended_at=call.delivery.received_ms if call.ended_ms is None else call.ended_ms,
        started_at=call.started_ms,
        duration_ms=call.duration_ms,
        disconnect_reason=None if reason is None else reason[:512],
        agent_id=text(data, "agent_id"),
        agent_version=carriers.agent_version(call.delivery.query, _carried(take(client, "dynamic_variables")))
        or text(data, "version_id"),
        language=text(metadata, "main_language", limit=64)
        or text(client, "conversation_config_override", "agent", "language", limit=64),
        # An empty transcript may have been left out on request (exclude_transcript), and its tools with it.
        tools_final=bool(turns),
        expected_tool_calls=len(tools) if turns else None,
        measures=Measures(interruptions=sum(flags) if flags else None),
        **call.names,
    )


def _at(call: Call, turn: Json) -> int | None:
    """When a turn began."""
    exact = times.millis(take(turn, "created_at_unix_ms"))
    offset = times.span_ms(take(turn, "time_in_call_secs"), unit_ms=1000)
    if exact is not None or call.started_ms is None or offset is None:
        return exact
    return call.started_ms + offset


def _tools(call: Call, turns: list[Any]) -> Iterator[ToolCall]:
    """Calls and results stand in turns of their own: the first result of a request belongs to its first call."""
    asked: list[tuple[int | None, Any]] = []
    answers: dict[str | None, list[tuple[int | None, Any]]] = defaultdict(list)
    for turn in turns:
        at = _at(call, turn)
        asked += [(at, one) for one in items(take(turn, "tool_calls")) if isinstance(one, dict)]
        for one in items(take(turn, "tool_results")):
            if isinstance(one, dict):
                answers[identifier(one, "request_id")].append((at, one))
    pairs: list[tuple[int | None, Any, int | None, Any]] = []
    for at, one in asked:
        waiting = answers[identifier(one, "request_id")]
        pairs.append((at, one, *(waiting.pop(0) if waiting else (None, {}))))
    # What nobody asked for was done all the same: some system tools have a result only.
    pairs += [(None, {}, at, one) for waiting in answers.values() for at, one in waiting]
    seen: Counter[str] = Counter()
    for sequence, (asked_at, question, answered_at, answer) in enumerate(pairs):
        name = text(question, "tool_name") or text(answer, "tool_name") or "unnamed"
        own = identifier(question, "request_id") or identifier(answer, "request_id") or f"{name}-without-id"[:200]
        seen[own] += 1
        latency = times.span_ms(take(answer, "tool_latency_secs"), unit_ms=1000)
        at = answered_at if answered_at is not None else asked_at
        yield event(
            ToolCall,
            call.delivery,
            id=f"{call.prefix}:tool:{own}:{seen[own]}",
            at_ms=call.ended_ms if at is None else at,
            tool_call_id=own,
            occurrence=seen[own],
            sequence=sequence,
            name=name,
            arguments=parsed(take(question, "params_as_json")),
            result=parsed(take(answer, "result_value")),
            started_at=asked_at,
            latency_ms=latency,
            **_outcome(question, answer),
            **call.names,
        )


def _outcome(question: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    if not answer:
        if boolean(question, "tool_has_been_called") is True:
            return outcome(None, timed_out=True, error="no result was given")
        return outcome(None, error="the tool was not called")
    error = text(answer, "error_type")
    # `raw_error_message` is only looked at: it quotes requests and answers of the tool's server.
    hint = f"{error or ''} {text(answer, 'raw_error_message') or ''}".lower()
    failed = boolean(answer, "is_error") is True
    if boolean(answer, "is_blocked") is True:
        failed, error = True, error or "blocked"
    elif boolean(answer, "tool_has_been_called") is False:
        failed, error = True, error or "the tool was not called"
    late = (failed or error is not None) and re.search(r"time[d_ -]*out|deadline", hint) is not None
    return outcome(take(answer, "result_value"), failed=failed, timed_out=late, error=error)


def _evaluations(call: Call) -> Iterator[EvaluationCompleted]:
    """Each criterion's result, and whether the call was a success; what the judge wrote about it is content."""
    analysis = take(call.data, "analysis")
    results = dict(list(mapping(take(analysis, "evaluation_criteria_results")).items())[:_MAX_SCORED])
    for one in items(take(analysis, "evaluation_criteria_results_list"))[:_MAX_SCORED]:
        if (name := identifier(one, "criteria_id")) is not None:
            results.setdefault(name, one)
    for name, result in results.items():
        label = text(result if isinstance(result, str) else take(result, "result"), limit=128)
        yield _evaluation(call, identifier(result, "criteria_id") or name, label, _score(result))
    label = text(analysis, "call_successful", limit=128)
    score = number(analysis, "call_success_score")
    if label is not None or score is not None:
        yield _evaluation(call, "call_successful", label, None if score is None else float(score))


def _score(result: Json) -> float | None:
    """A score as a share of the highest possible one, so that criteria compare; 0 is a score."""
    score, highest = number(result, "score"), number(result, "max_score")
    if score is None:
        return None
    return float(score / highest if highest is not None and highest > 0 else score)


def _evaluation(call: Call, criterion: str, label: str | None, score: float | None) -> EvaluationCompleted:
    criterion = text(criterion, limit=200) or "unnamed"
    passed = {"success": True, "failure": False}.get((label or "").lower())
    conversation = call.names["aliases"].get("elevenlabsConversationId", "")
    return event(
        EvaluationCompleted,
        call.delivery,
        id=f"{call.prefix}:evaluation:{criterion}",
        at_ms=call.settled_ms,
        evaluation_id=f"{conversation[:50]}:{criterion}",
        test_run_id=call.names["aliases"].get("testRunId"),
        rubric=criterion,
        # Criteria belong to the agent's configuration, and have no version but its own.
        rubric_version=text(call.data, "version_id"),
        evaluator="elevenlabs",
        score=score,
        label=label,
        failure_label=criterion if passed is False else None,
        assertions=() if passed is None else (Assertion(name=criterion, passed=passed),),
        **call.names,
    )


def _transcript(call: Call, turns: list[Any], status: str) -> tuple[list[Event], tuple[Blob, ...]]:
    # Of two transcripts the later one speaks for the call: that must not be the one known to be unredacted.
    at = call.ended_ms if call.kind == RAW else call.settled_ms
    id = f"{call.prefix}:transcript"
    said = [turn for turn in map(_turn, turns) if turn is not None]
    if said:
        reference, blob = staged_transcript({"turns": said})
        return [artifacts.ready(call.delivery, "transcript", reference, id=id, at_ms=at, **call.names)], (blob,)
    deleted = take(call.data, "metadata", "deletion_settings", "deleted_transcript_at_time_unix_secs")
    if times.seconds(deleted) is not None:
        reason = "the transcript was deleted at the provider"
    elif status == "failed" and not turns and not call.duration_ms:
        reason = "the call failed before anything was said"
    else:
        return [], ()
    return [artifacts.never(call.delivery, "transcript", reason, id=id, at_ms=at, **call.names)], ()


def _turn(turn: Json) -> dict[str, Any] | None:
    """One turn in the shape of `core.transcripts`; None for one that says nothing: a tool's, an event's."""
    said, speaker = take(turn, "message"), text(turn, "role", limit=64)
    if said is None:
        parts = items(take(turn, "multivoice_message", "parts"))
        said = " ".join(part for one in parts if isinstance(part := take(one, "text"), str))
    if not isinstance(said, str) or not said.strip() or speaker is None:
        return None
    start = times.span_ms(take(turn, "time_in_call_secs"), unit_ms=1000)
    return {"speaker": speaker, "text": said} | ({} if start is None else {"startMs": start})
