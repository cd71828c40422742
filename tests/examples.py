"""Example calls for the tests of sealing: the contract's call as the join orders it, and variations of it."""

from __future__ import annotations

import io
import json
import wave
from functools import cache
from pathlib import Path
from typing import Any

from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import EventRecord, Position, event_digest, reduce_event
from stream_app.core.join import fold_event
from stream_app.core.orders import Item, SealOrder
from stream_app.core.packet import ProducedBy
from stream_app.core.standing import View
from stream_app.policy_file import default_policy
from tests.folding import heard

CONTRACT = Path(__file__).parent / "data" / "contract"
SHARED_CONTRACT = Path(__file__).parents[2] / "shared" / "design" / "contract"
"""The contract's own home, where the checkout lies beside it; absent elsewhere."""

PRODUCED_BY = ProducedBy(version="0.1.0", config_sha256="0" * 64)
PACKET_BUCKET = "review-packets"
RAW_BUCKET = "raw-restricted"
TRANSCRIPT_URI = "s3://provider-drop/Redacted/call_1842/transcript.json"
AUDIO_URI = "s3://provider-drop/Redacted/call_1842/audio.wav"
TRANSCRIPT = json.dumps(
    {
        "turns": [
            {"speaker": "agent", "text": "Billing, how can I help?", "startMs": 0},
            {"speaker": "caller", "text": "I want the money for order [ORDER] back.", "startMs": 2400},
            {"speaker": "agent", "text": "Let me look.", "startMs": 6100},
        ]
    },
    indent=1,
).encode()
AUDIO_SIZE = 6_368_044


@cache
def contract_audio() -> bytes:
    """Silence as the contract's call has it: 199 s, two channels of 16 bit at 8 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(AUDIO_SIZE - 44))
    return buffer.getvalue()


_MODELS = {model.TYPE: model for model in EVENT_TYPES}


def contract_events() -> list[tuple[Position, dict[str, Any]]]:
    """Inputs 1 to 6 in arrival order, at the positions that the contract's packet names."""
    packet = json.loads((CONTRACT / "packet.json").read_bytes())
    at = {entry["eventId"]: entry for entry in packet["evidence"]}
    found = []
    for path in sorted(CONTRACT.glob("[1-6]-*.json")):
        event = json.loads(path.read_bytes())
        entry = at[event["eventId"]]
        position = Position(topic=entry["topic"], partition=entry["partition"], offset=entry["offset"])
        found.append((position, event))
    return found


def record_of(call_id: str, position: Position, event: dict[str, Any], *, delay_ms: int = 500) -> EventRecord:
    """The event as it stands on `evidence`, received `delay_ms` after it happened."""
    model = _MODELS[event["type"]].from_dict(event)
    return EventRecord(
        canonical_call_id=call_id,
        position=position,
        received_at=model.occurred_at + delay_ms,
        digest=event_digest(model),
        event=reduce_event(model),
    )


def contract_order() -> SealOrder:
    """The seal order that the join makes of inputs 1 to 6."""
    policy = default_policy()
    view = View(now=None, active=policy, policies={policy.sha256: policy})
    state = None
    for position, event in contract_events():
        outcome = fold_event(state, heard(record_of("call_2026_06_03_1842", position, event)), view)
        state = outcome.state
        if outcome.orders:
            return outcome.orders[0].model()
    raise AssertionError("the join ordered nothing for the contract's call")


def contract_sources() -> dict[str, bytes]:
    """The source objects that the contract's call refers to."""
    return {TRANSCRIPT_URI: TRANSCRIPT, AUDIO_URI: contract_audio()}


def changed(order: SealOrder, **update: Any) -> SealOrder:
    """The order with other fields."""
    return order.model_copy(update=update)


def with_event(order: SealOrder, event_id: str, **fields: Any) -> SealOrder:
    """The order in which one event says something else; a field of `...` is left out."""
    items = []
    for item in order.items:
        if item.event_id == event_id:
            event = {name: value for name, value in {**item.event, **fields}.items() if value is not ...}
            item = item.model_copy(update={"event": event})
        items.append(item)
    return changed(order, items=tuple(items))


def without(order: SealOrder, *kinds: str) -> SealOrder:
    """The order without evidence of these kinds; what call-ended refers to goes too."""
    items: list[Item] = []
    for item in order.items:
        if item.kind in kinds:
            continue
        event = {name: value for name, value in item.event.items() if name not in kinds}
        items.append(item.model_copy(update={"event": event}))
    return changed(order, items=tuple(items))
