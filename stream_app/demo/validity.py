"""The only place that holds converted events against what intake accepts, before anything is sent or written."""

from __future__ import annotations

from typing import Any

from stream_app.core.dead_letters import DeadLetter
from stream_app.core.instants import format_instant
from stream_app.core.wire import write_json
from stream_app.demo.convert import ConvertedCall
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS

_INTAKE = Intake(Settings.model_fields["max_event_bytes"].default)
_ANY_MS = 1_780_000_000_000


def problem_of(topic: str, document: dict[str, Any]) -> str | None:
    """What intake, as it runs in production, has against this event, in words; None when it takes it."""
    record = Incoming(topic, 0, 0, _ANY_MS, None, write_json(document))
    for sent in _INTAKE.handle(record).sends:
        if sent.topic == DEAD_LETTERS.name:
            return f"{topic}: {DeadLetter.model_validate_json(sent.value or b'').detail}"
    return None


def problems_of(call: ConvertedCall) -> list[str]:
    """What is wrong with a call's events, each named by the conversation it comes from; [] when all are valid."""
    found = []
    for event in call.events:
        dated = {**event.document, **dict.fromkeys(event.instants, format_instant(_ANY_MS))}
        if (problem := problem_of(event.topic, dated)) is not None:
            found.append(f"call_id {call.conversation.call_id!r} makes no valid event: {problem}")
    return list(dict.fromkeys(found))
