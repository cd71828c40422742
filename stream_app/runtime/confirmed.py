"""The only place that writes records and says for certain that they are in Kafka, for as long as brokers come and go.

A producer of the client library is not for ever: an outage may leave it with a gap in its sequence that no broker
takes, and with a buffer that nobody empties. So the producer is replaced after any write that was not confirmed in
time. What it held may still arrive; whoever was told that it is not confirmed sends it again, as a duplicate.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stream_app.pipeline.ports import ConfirmedWriter, NotConfirmed, Outgoing
from stream_app.runtime.client import KafkaUnavailable, Publisher, TopicAbsent
from stream_app.settings import Settings

log = logging.getLogger(__name__)

ASK_S = 2.0
"""How long a broker may take to answer before it counts as away."""
AGAIN_S = 0.5
"""How soon after a failed attempt to connect the next one is made; until then writes fail at once."""
GRACE_S = 10.0
"""How long a producer that was replaced may go on with what it has begun."""


class KafkaWriter:
    """`pipeline.ports.ConfirmedWriter` on one producer at a time; an async context manager.

    A broker that is away is no reason not to start. `topics`: where it writes to, all of which must exist.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[str],
        *,
        publisher: Callable[[], Any] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self._make = publisher or (lambda: Publisher(settings))
        self._topics = tuple(topics)
        self._grace_s = grace_s
        self._opening: asyncio.Task[Publisher] | None = None
        self._failed: tuple[float, NotConfirmed] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opening is not None:
            self._replace(self._opening)
        if self._closing:
            await asyncio.wait(self._closing, timeout=3 * self._grace_s)

    async def write(self, records: Sequence[Outgoing], *, within_s: float) -> None:
        """Returns once every record is confirmed; raises NotConfirmed, at the latest after `within_s`."""
        waiting: list[asyncio.Future[Any]] = []
        opening = None
        try:
            async with asyncio.timeout(within_s):
                publisher = await asyncio.shield(opening := self._opened())
                for one in records:
                    waiting.append(await publisher.send(one.topic, one.key, one.value, one.headers, one.partition))
                if waiting:
                    await asyncio.wait(waiting)
                for future in waiting:
                    future.result()
        except NotConfirmed:
            raise
        except TimeoutError:
            self._replace(opening)
            raise NotConfirmed(f"the broker did not confirm within {within_s:g} s") from None
        except Exception as error:
            self._replace(opening)
            raise _named(error) from error
        finally:
            for future in waiting:  # Nobody else asks for what became of them.
                future.add_done_callback(_hear)

    async def ask(self) -> None:
        """Raises NotConfirmed where the broker does not answer now, or a topic is missing."""
        opening = None
        try:
            async with asyncio.timeout(ASK_S):
                publisher = await asyncio.shield(opening := self._opened())
                await publisher.ask()
        except NotConfirmed:
            raise
        except TimeoutError:
            raise NotConfirmed(f"the broker did not answer within {ASK_S:g} s") from None
        except Exception as error:
            self._replace(opening)
            raise _named(error) from error

    def _opened(self) -> asyncio.Task[Publisher]:
        """The producer, or what becomes one: it goes on also where a webhook no longer waits for it."""
        if self._opening is None:
            if self._failed is not None and time.monotonic() - self._failed[0] < AGAIN_S:
                raise self._failed[1]
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(_hear)
        return self._opening

    async def _open(self) -> Publisher:
        publisher: Publisher = self._make()
        try:
            await publisher.__aenter__()
            try:
                await publisher.prepare(self._topics)
            except BaseException:
                await publisher.give_up(0)
                raise
        except Exception as error:
            self._opening, named = None, _named(error)
            self._failed = (time.monotonic(), named)
            raise named from error
        self._failed = None
        return publisher

    def _replace(self, opening: asyncio.Task[Publisher] | None) -> None:
        """The next write gets another producer; this one may end what it has begun."""
        if opening is None or opening is not self._opening:
            return
        self._opening = None
        closing = asyncio.ensure_future(self._closed(opening))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _closed(self, opening: asyncio.Task[Publisher]) -> None:
        try:
            publisher = await opening
            await publisher.give_up(self._grace_s)
        except NotConfirmed:
            pass  # It never became one.
        except Exception as error:
            log.warning("a producer did not end cleanly: %s", type(error).__name__)


def _named(error: Exception) -> NotConfirmed:
    if isinstance(error, KafkaUnavailable | TopicAbsent):
        return NotConfirmed(str(error))
    return NotConfirmed(f"the broker refused: {type(error).__name__}")


def _hear(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


if TYPE_CHECKING:
    _: type[ConfirmedWriter] = KafkaWriter
