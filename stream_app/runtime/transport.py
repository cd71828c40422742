"""The only place where Faust's consumer is extended: it remembers what it has handed over, round by round.

Why: the fetch position runs ahead of what the stage has seen, and a partition that ends in a control record never
delivers its last offset. Only "a whole fetch round has ended since the position was read" proves that everything
below it was handed over. The batch lane of the next release takes its place here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from faust.transport.drivers import aiokafka as driver

LINGER_S = 0.03
FULL_ROUND = 200
"""After a small round the consumer waits a little: one round of many records costs what a round of one does, and a
stage that asks for every record at once is both slower and dearer (measured: docs/decisions/)."""


FETCH_WAIT_MS = 50
"""Faust has 1500. The client has one fetch under way per broker, and it leaves out partitions whose records were not
yet taken when it began: a fetch that names only idle partitions would hold back the busy ones for as long as it waits.
"""


class QuickFetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, whose fetches do not wait long for idle partitions."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class TrackingConsumer(driver.Consumer):  # type: ignore[misc]
    """Counts fetch rounds and knows the last offset handed over per partition."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rounds = 0
        self.handed: dict[Any, int] = {}

    def _new_consumer_thread(self) -> QuickFetchThread:
        return QuickFetchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """As Faust's; each round that ends has handed over everything fetched in it."""
        count = 0
        async for tp, message in super().getmany(timeout):
            self.handed[tp] = message.offset
            count += 1
            yield tp, message
        self.rounds += 1
        if 0 < count < FULL_ROUND:
            await asyncio.sleep(LINGER_S)


class TrackingTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with our consumer."""

    Consumer = TrackingConsumer
