"""The only place that turns a conversation into the events which production would send, each by its own system.

Every system names the call in its own way: the telephony provider by its SID, the media runtime by its room, the
tracer by a trace ID, some by our canonical ID. Some evidence is withheld on purpose, drawn by the seed; what that must
lead to is worked out in `ground_truth`, not here. Times are relative to the call's end, in real milliseconds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from stream_app.demo.artifacts import recording_bytes, transcript_bytes
from stream_app.demo.conversations import Conversation, ToolUse

Plan = Literal[
    "all", "no_evaluation", "no_tool", "no_recording", "no_transcript", "transcript_lost", "never_recording",
    "no_call_ended_aliases", "no_call_ended_canonical", "late_evaluation",
]  # fmt: skip
PLANS: tuple[tuple[Plan, float], ...] = (
    ("no_evaluation", 0.04),
    ("no_tool", 0.03),
    ("no_recording", 0.03),
    ("no_transcript", 0.015),
    ("transcript_lost", 0.015),
    ("never_recording", 0.02),
    ("no_call_ended_aliases", 0.01),
    ("no_call_ended_canonical", 0.01),
    ("late_evaluation", 0.01),
)
"""What is withheld, and of which share of the calls; the rest has everything."""

DUPLICATE_SHARE = 0.05
DEFAULT_DURATION_MS = 180_000
LATE_MS = 30 * 60_000
"""Late evidence comes this long after the call's end: well after the default deadline, on a slow machine too."""
SOURCE_BUCKET = "provider-drop"


@dataclass(frozen=True)
class TimedEvent:
    """One event, `at_ms` after the call's end (negative: before it). Times in `document` are ms relative to the end,
    under the names in `instants`, until the replay turns them into dates."""

    at_ms: int
    topic: str
    document: dict[str, Any]
    instants: dict[str, int]
    again: bool = False
    """An exact re-send of an event."""


@dataclass
class ConvertedCall:
    """One call as production would tell it."""

    call_id: str
    plan: Plan
    conversation: Conversation
    duration_ms: int
    aliases: dict[str, str]
    events: list[TimedEvent] = field(default_factory=list)
    objects: list[tuple[str, bytes, str]] = field(default_factory=list)
    """(URI, body, media type) to be stored before any event."""

    def sent(self, topic: str) -> list[dict[str, Any]]:
        """The documents sent to a topic, re-sends left out."""
        return [event.document for event in self.events if event.topic == topic and not event.again]


def convert(conversation: Conversation, seed: int, *, complete: bool = False) -> ConvertedCall:
    """The events and objects of one conversation; the same (conversation, seed) always gives the same.

    `complete`: nothing is withheld and nothing sent again.
    """
    draw = random.Random(f"{seed}:{conversation.call_id}")
    duration = conversation.duration_ms or _span(conversation) or DEFAULT_DURATION_MS
    plan = _plan(draw, conversation)
    call = ConvertedCall(
        call_id=_canonical(conversation),
        plan="all" if complete else plan,
        conversation=conversation,
        duration_ms=duration,
        aliases=_aliases(draw, conversation, seed),
    )
    naming = _Naming(call, draw)
    _add_artifacts(call, naming, draw)
    _add_tools(call, naming, draw)
    _add_trace(call, naming, draw)
    _add_evaluation(call, naming, draw)
    _add_report(call, naming, draw)
    for event in [] if complete else list(call.events):
        if draw.random() < DUPLICATE_SHARE:
            delay = draw.randint(200, 60_000)
            call.events.append(TimedEvent(event.at_ms + delay, event.topic, event.document, event.instants, again=True))
    return call


def _canonical(conversation: Conversation) -> str:
    """Safe in a URI and a file name; what had to be replaced is told apart by a digest."""
    told = conversation.call_id
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in told)
    return f"call_{safe}" if safe == told else f"call_{safe}-{sha256(told.encode()).hexdigest()[:8]}"


def _span(conversation: Conversation) -> int:
    """How long it took by its own times, ms; 0 where there are none."""
    began, ended = conversation.started_at, conversation.ended_at
    if began is not None and ended is not None and ended > began:
        return ended - began
    times = [turn.t_ms for turn in conversation.turns if turn.t_ms is not None]
    return max(times, default=0)


def _plan(draw: random.Random, conversation: Conversation) -> Plan:
    point = draw.random()
    for plan, share in PLANS:
        if point < share:
            unfit = (plan == "no_tool" and not conversation.tool_calls) or (
                plan in ("no_evaluation", "late_evaluation") and not judged(conversation)
            )
            return "all" if unfit else plan
        point -= share
    return "all"


def judged(conversation: Conversation) -> bool:
    """Whether the data says how the call was judged."""
    return conversation.outcome.label in ("pass", "fail")


def _aliases(draw: random.Random, conversation: Conversation, seed: int) -> dict[str, str]:
    mark = sha256(f"{seed}:{conversation.call_id}".encode()).hexdigest()
    known = {
        "twilioCallSid": "CA" + mark[:32],
        "livekitRoom": f"room-{mark[:12]}",
        "vapiCallId": f"{mark[:8]}-{mark[8:12]}-4{mark[13:16]}-8{mark[17:20]}-{mark[20:32]}",
        "retellCallId": f"call_{mark[12:40]}",
        "elevenlabsConversationId": f"conv_{mark[5:33]}",
        "connectContactId": f"{mark[32:40]}-{mark[40:44]}-4{mark[45:48]}-9{mark[49:52]}-{mark[52:64]}",
    }
    chosen = draw.sample(sorted(known), draw.randint(1, 3))
    return {scheme: known[scheme] for scheme in chosen} | {"traceId": mark[16:48]}


class _Naming:
    """How each system names the call: by an alias, by our canonical ID, or by both."""

    def __init__(self, call: ConvertedCall, draw: random.Random) -> None:
        self._call = call
        self._draw = draw

    def names(self, *, extra: dict[str, str] | None = None) -> dict[str, Any]:
        """Identity fields of one event."""
        call = self._call
        schemes = [scheme for scheme in call.aliases if scheme != "traceId"]
        scheme = self._draw.choice(schemes)
        way = self._draw.choice(["canonical", "alias", "alias", "trace", "both"])
        if call.plan == "no_call_ended_canonical":
            way = "canonical"
        elif call.plan == "no_call_ended_aliases" and way in ("canonical", "both"):
            way = "alias"
        if extra:  # A new alias is only of use beside one that the call is known by.
            way = "alias" if way in ("trace", "alias") else way
        names: dict[str, Any] = {}
        if way in ("canonical", "both"):
            names["canonicalCallId"] = call.call_id
        if way in ("alias", "both") or (extra and way != "canonical"):
            names["aliases"] = {scheme: call.aliases[scheme], **(extra or {})}
        if way == "trace":
            names["traceId"] = call.aliases["traceId"]
        return names

    def event(
        self, kind: str, number: int, source: str, at_ms: int, names: dict[str, Any], fields: dict[str, Any],
        instants: dict[str, int] | None = None, delay_ms: tuple[int, int] = (300, 5_000),
    ) -> None:  # fmt: skip
        """Add one event that happened at `at_ms` and is delivered a little later."""
        document = {
            "schemaVersion": 1, "eventId": f"{self._call.call_id}:{kind}:{number}", "type": kind, "source": source,
            **names, **fields,
        }  # fmt: skip
        delivered = at_ms + self._draw.randint(*delay_ms)
        self._call.events.append(TimedEvent(delivered, kind, document, {"occurredAt": at_ms, **(instants or {})}))


def _add_artifacts(call: ConvertedCall, naming: _Naming, draw: random.Random) -> None:
    base = f"s3://{SOURCE_BUCKET}/Redacted/{call.call_id}"
    body = transcript_bytes(call.conversation, call.duration_ms)
    audio = recording_bytes(call.duration_ms)
    transcript: dict[str, Any] = {
        "uri": f"{base}/transcript.json", "sha256": sha256(body).hexdigest(), "sizeBytes": len(body),
        "mediaType": "application/json", "redactionState": "unredacted", "producer": "demo",
    }  # fmt: skip
    recording: dict[str, Any] = {
        "uri": f"{base}/audio.wav", "sha256": sha256(audio).hexdigest(), "sizeBytes": len(audio),
        "mediaType": "audio/wav", "redactionState": "redacted", "channels": 2, "durationMs": call.duration_ms,
    }  # fmt: skip
    if call.plan not in ("no_transcript", "transcript_lost"):
        call.objects.append((transcript["uri"], body, "application/json"))
    call.objects.append((recording["uri"], audio, "audio/wav"))
    references: dict[str, Any] = {"transcript": None, "recording": None}
    for kind, reference, withheld in (
        ("transcript", transcript, call.plan == "no_transcript"),
        ("recording", recording, call.plan == "no_recording"),
    ):
        if kind == "recording" and call.plan == "never_recording":
            fields: dict[str, Any] = {"artifact": kind, "availability": "never", "reason": "recording was switched off"}
            naming.event("artifact-ready", 9, "livekit/egress", draw.randint(500, 20_000), naming.names(), fields)
        elif withheld:
            continue
        elif draw.random() < 0.6:
            references[kind] = reference
        else:
            fields = {"artifact": kind, "availability": "ready", "reference": reference}
            extra = {"livekitEgress": f"EG_{call.aliases['traceId'][:12]}"} if kind == "recording" else None
            number = 1 if kind == "transcript" else 2
            names = naming.names(extra=extra)
            naming.event("artifact-ready", number, "livekit/egress", draw.randint(500, 40_000), names, fields)
    if not call.plan.startswith("no_call_ended"):
        _add_call_ended(call, naming, references)


def _add_call_ended(call: ConvertedCall, naming: _Naming, references: dict[str, Any]) -> None:
    told = call.conversation
    aliases = {scheme: value for scheme, value in call.aliases.items() if scheme != "traceId"}
    names: dict[str, Any] = {
        "canonicalCallId": call.call_id, "aliases": aliases, "traceId": call.aliases["traceId"],
    }  # fmt: skip
    fields = {
        "agentId": told.agent_id or told.source, "agentVersion": told.agent_version or f"{told.source}@unversioned",
        "workflowAgent": bool(told.tool_calls), "queue": told.queue, "language": told.language or "en",
        "cohort": told.cohort, "durationMs": call.duration_ms, "disconnectReason": told.end_reason, "channels": 2,
        "expectedToolCalls": len(told.tool_calls), "measures": dict(told.measures), **references,
    }  # fmt: skip
    instants = {"startedAt": -call.duration_ms, "endedAt": 0}
    naming.event("call-ended", 1, "telephony/prod", 120, names, fields, instants, delay_ms=(300, 15_000))


def tool_status(use: ToolUse) -> str:
    """The status of a tool call, from whichever sign the data gives."""
    if use.status in ("succeeded", "failed", "timed_out", "invalid_result"):
        return str(use.status)
    if use.is_error or use.error or (isinstance(use.result, str) and use.result.startswith("Error")):
        return "failed"
    return "succeeded"


def _add_tools(call: ConvertedCall, naming: _Naming, draw: random.Random) -> None:
    uses = call.conversation.tool_calls
    skipped = draw.randrange(len(uses)) if call.plan == "no_tool" else None
    seen: dict[str, int] = {}
    for number, use in enumerate(uses):
        tool_id = use.id or f"tool-{number}"
        # Data sets repeat IDs inside one call: the occurrence is part of the key.
        seen[tool_id] = seen.get(tool_id, 0) + 1
        if number == skipped:
            continue
        at = (
            use.t_ms if use.t_ms is not None else call.duration_ms * (number + 1) // (len(uses) + 1)
        ) - call.duration_ms
        latency = use.latency_ms if use.latency_ms is not None else draw.randint(80, 900)
        fields = {
            "toolCallId": tool_id, "occurrence": seen[tool_id], "sequence": number + 1, "name": use.name,
            "arguments": use.args, "result": use.result, "status": tool_status(use), "error": use.error,
            "latencyMs": latency, "retries": use.retries,
            "sideEffect": {"kind": "write", "idempotencyKey": use.idempotency_key} if use.write else None,
        }  # fmt: skip
        naming.event("tool-call", number + 1, "orders-backend", min(at, 0), naming.names(), fields)


def _add_trace(call: ConvertedCall, naming: _Naming, draw: random.Random) -> None:
    turns, tools = max(1, len(call.conversation.turns)), len(call.conversation.tool_calls)
    spans = [
        {"name": "asr", "count": turns, "p95Ms": draw.randint(120, 320), "errors": 0},
        {"name": "llm", "count": turns, "p95Ms": draw.randint(500, 1500), "errors": 0},
        {"name": "execute_tool", "count": tools, "p95Ms": draw.randint(90, 900), "errors": 0},
        {"name": "tts", "count": turns, "p95Ms": draw.randint(100, 300), "errors": 0},
    ]
    names = {"traceId": call.aliases["traceId"]}
    if call.plan == "no_call_ended_canonical":
        names["canonicalCallId"] = call.call_id
    naming.event("trace-completed", 1, "otel-collector", draw.randint(1_000, 9_000), names, {"keySpans": spans})


def _add_evaluation(call: ConvertedCall, naming: _Naming, draw: random.Random) -> None:
    told = call.conversation
    if call.plan == "no_evaluation" or not judged(told):
        return
    passed = told.outcome.label == "pass"
    score = told.outcome.score if told.outcome.score is not None else told.outcome.reward
    fields = {
        "evaluationId": f"ev-{call.call_id}", "testRunId": f"run-{told.source}", "rubric": told.outcome.kind,
        "rubricVersion": "v1", "evaluator": "data-set", "evaluatorVersion": "1",
        "score": float(score) if score is not None else (1.0 if passed else 0.0),
        "label": "task_completed" if passed else "task_failed", "failureLabel": None if passed else "task_not_done",
        "assertions": [{"name": "task_done", "passed": passed, "severity": "high"}],
        "policyFlags": list(told.policy_flags),
    }  # fmt: skip
    at = LATE_MS if call.plan == "late_evaluation" else draw.randint(15_000, 200_000)
    naming.event("evaluation-completed", 1, "evals/online", at, naming.names(), fields)


def _add_report(call: ConvertedCall, naming: _Naming, draw: random.Random) -> None:
    if call.conversation.reported:
        fields = {"reportId": f"rep-{call.call_id}", "reportedBy": "customer", "symptom": "it did not do what I asked"}
        naming.event("call-reported", 1, "support-desk", draw.randint(20_000, 120_000), naming.names(), fields)
