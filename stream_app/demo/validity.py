"""The only place that holds converted events against the public contract, before anything is sent or written."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from stream_app.core.events import EVENT_TYPES
from stream_app.demo.convert import ConvertedCall

_MODELS = {model.TYPE: model for model in EVENT_TYPES}
_ANY_INSTANT = 0


def problem_of(topic: str, document: dict[str, Any]) -> str | None:
    """What the contract has against this event, in words; None when it is valid."""
    try:
        _MODELS[topic].model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{topic}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return None


def problems_of(call: ConvertedCall) -> list[str]:
    """What is wrong with a call's events, each named by the conversation it comes from; [] when all are valid."""
    found = []
    for event in call.events:
        dated = {**event.document, **dict.fromkeys(event.instants, _ANY_INSTANT)}
        if (problem := problem_of(event.topic, dated)) is not None:
            found.append(f"call_id {call.conversation.call_id!r} makes no valid event: {problem}")
    return list(dict.fromkeys(found))
