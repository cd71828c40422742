"""The only place that plays converted calls in (compressed) real time: when each event is sent, and with which dates.

A call's end lies at a wall time of its own; what came after it is delivered `speed` times faster than it happened.
What came before keeps its true distance in its dates (a call of five minutes began five minutes before its end),
and is only sent earlier by the compressed distance.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from stream_app.core.instants import format_instant
from stream_app.core.wire import write_json
from stream_app.demo.convert import ConvertedCall, TimedEvent
from stream_app.pipeline.ports import Headers

EVENTS_PER_S = 100
"""How fast the replay may be on a small machine that also runs the broker, the store and the worker."""

_ENVELOPE_FIELDS = (("id", "eventId"), ("source", "source"), ("time", "occurredAt"))


class Sends(Protocol):
    """What the replay needs of a producer."""

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> asyncio.Future[Any]:
        """Hand one record over; the future is its confirmation."""
        ...


@dataclass(frozen=True)
class Scheduled:
    """One event and when it is sent, seconds after the replay began."""

    at_s: float
    call: ConvertedCall
    event: TimedEvent
    end_s: float
    """When the call ended, on the same scale."""


def schedule(calls: Sequence[ConvertedCall], speed: float, seed: int) -> list[Scheduled]:
    """All events in the order in which they are sent; calls overlap, so that the rate stays level."""
    draw = random.Random(seed)
    window = sum(len(call.events) for call in calls) / EVENTS_PER_S
    planned = []
    for call in calls:
        before = -min((event.at_ms for event in call.events), default=0) / 1000 / speed
        end = max(draw.random() * window, before)
        planned += [Scheduled(max(0.0, end + event.at_ms / 1000 / speed), call, event, end) for event in call.events]
    return sorted(planned, key=lambda one: (one.at_s, one.event.document["eventId"], one.event.again))


def dated(one: Scheduled, began_ms: int, speed: float) -> dict[str, Any]:
    """The event's document with its dates; a re-send is the same to the byte."""
    end = began_ms + round(one.end_s * 1000)
    dates = {
        name: format_instant(end + (ms if ms <= 0 else round(ms / speed))) for name, ms in one.event.instants.items()
    }
    return {**one.event.document, **dates}


def key_of(document: dict[str, Any]) -> str:
    """The producer's own key: whichever name of the call it uses."""
    names = (document.get("canonicalCallId"), *document.get("aliases", {}).values(), document.get("traceId"))
    return next(str(name) for name in names if name)


def record_of(one: Scheduled, began_ms: int, speed: float) -> tuple[bytes, bytes, Headers]:
    """(key, value, headers): producers differ in their envelope, so binary, structured and plain are mixed."""
    document = dated(one, began_ms, speed)
    mark = sha256(document["eventId"].encode()).hexdigest()
    trace = ("traceparent", f"00-{one.call.aliases['traceId']}-{mark[:16]}-01".encode())
    key = key_of(document).encode()
    attributes = {name: document[field] for name, field in _ENVELOPE_FIELDS} | {
        "specversion": "1.0", "type": f"demo.{one.event.topic}",
    }  # fmt: skip
    way = int(mark[16], 16) % 3
    if way == 0:
        binary = tuple((f"ce_{name}", str(value).encode()) for name, value in attributes.items())
        return key, write_json(document), (*binary, ("content-type", b"application/json"), trace)
    if way == 1:
        body = write_json({**attributes, "datacontenttype": "application/json", "data": document})
        return key, body, (("content-type", b"application/cloudevents+json"), trace)
    return key, write_json(document), (trace,)


async def play(planned: Sequence[Scheduled], speed: float, publisher: Sends, advance: Callable[[int], None]) -> int:
    """Send everything at its time; returns how many records are confirmed. `advance` hears of each batch sent."""
    began, began_ms = time.monotonic(), time.time_ns() // 1_000_000
    waiting: list[asyncio.Future[Any]] = []
    for one in planned:
        delay = began + one.at_s - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        key, value, headers = record_of(one, began_ms, speed)
        waiting.append(await publisher.send(one.event.topic, key, value, headers))
        advance(1)
    await asyncio.gather(*waiting)
    return len(waiting)
