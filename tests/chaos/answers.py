"""The only place that sends what waits until something was seen: claims on calls that have left, operators' words."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.chaos.reading import Record, Tail
from tests.chaos.story import Plan, Send
from tests.chaos.world import document_of

EVERY_S = 0.2


class Answers:
    """Watches packets and alerts, as people and their systems do, and sends what the plan has for them."""

    def __init__(self, bootstrap: str, prefix: str, made: Plan) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self.waiting = [send for send in made.sends if send.after is not None]
        """What has not been sent yet."""
        self.seen: set[str] = set()
        self.sent_at = time.monotonic()
        """When the last one was sent."""
        self._taken: list[asyncio.Future[Any]] = []

    async def run(self) -> None:
        """Until cancelled, or all is sent; a broker that is away makes it later, no more."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=90_000
        )
        await producer.start()
        try:
            while self.waiting:
                tail = Tail(self._bootstrap, self._prefix, ("packets", "join-alerts"))
                try:
                    await tail.start()
                    await self._watch(tail, producer)
                except Exception:  # Whatever the client calls a broker that was killed.
                    await asyncio.sleep(1)
                finally:
                    await tail.stop()
            await asyncio.gather(*self._taken)
        finally:
            await producer.stop()

    async def _watch(self, tail: Tail, producer: AIOKafkaProducer) -> None:
        while self.waiting:
            self.seen |= {name for record in await tail.more() if (name := name_in(record)) is not None}
            for send in self.due(round(time.time() * 1000)):
                # What the client has taken is sent once, and it tries again by itself; what it refuses is still ours.
                self._taken.append(await producer.send(self._prefix + send.topic, send.value, send.key))
                self.waiting.remove(send)
                self.sent_at = time.monotonic()
            await asyncio.sleep(EVERY_S)

    def due(self, now_ms: int) -> list[Send]:
        """What may be sent now, in the plan's order."""
        return [send for send in self.waiting if send.after in self.seen and send.at <= now_ms]


def name_in(record: Record) -> str | None:
    """The ID of the packet, or of the alert that fires, in the record."""
    document = document_of(record)
    if record.topic == "packets":
        return document.get("packetId")
    return document.get("alertId") if document.get("state") == "firing" else None
