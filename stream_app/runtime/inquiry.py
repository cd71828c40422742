"""The only place where a worker gathers answers about rows: of its own stages, and of other workers for the rest.

A question for keys goes where their partitions are; one for everything to all. Other workers are asked only where our
own stages do not own a partition, all at the same time, and the first that owns one speaks for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import aiohttp

from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.announced import Announced
from stream_app.runtime.record_batches import Partitioner
from stream_app.runtime.stage_line import NoAnswer, StageLine
from stream_app.settings import Settings, StageName
from stream_app.topics import EVIDENCE

ASK = "/v1/ask"


class Workers:
    """Our own stages, and how other workers are asked. `peers` is looked up anew for each question."""

    def __init__(
        self, settings: Settings, lines: Mapping[str, StageLine], peers: Callable[[], Sequence[Announced]]
    ) -> None:
        self._lines = lines
        self._peers = peers
        self._partitions = settings.internal_partitions
        self._partitioner = Partitioner()
        self._partitioner.count(EVIDENCE.name, self._partitions)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Workers:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def local(self, stage: str, question: Mapping[str, Any], within_s: float) -> dict[int, Any]:
        """What our own stage says; nothing where it does not run here or does not answer."""
        line = self._lines.get(stage)
        if line is None:
            return {}
        try:
            return await line.ask(question, within_s)
        except NoAnswer:
            return {}

    def needed(self, stage: StageName, keys: Iterable[str] | None) -> set[int]:
        """The partitions whose word is needed; of the sealers any."""
        if stage == "seal":
            return {0}
        if keys is None:
            return set(range(self._partitions))
        return {self._partitioner.partition(Outgoing(EVIDENCE.name, key.encode(), None)) for key in keys}

    async def elsewhere(self, stage: StageName, question: Mapping[str, Any], within_s: float) -> dict[int, Any]:
        """What other workers say."""
        found: dict[int, Any] = {}
        asked = (self._ask(peer, {"stage": stage, **question}, within_s) for peer in self._peers())
        for answer in await asyncio.gather(*asked):
            for partition, one in answer.items():
                found.setdefault(partition, one)
        return found

    async def _ask(self, peer: Announced, question: Mapping[str, Any], within_s: float) -> dict[int, Any]:
        assert self._session is not None
        try:
            async with self._session.post(
                f"{peer.url.rstrip('/')}{ASK}",
                json={**question, "withinS": within_s},
                headers={"Authorization": f"Bearer {peer.token}"},
                timeout=aiohttp.ClientTimeout(total=within_s),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    return {}
                return {int(partition): one for partition, one in (await response.json())["answer"].items()}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, AttributeError):
            return {}


class Inquiry:
    """`whereabouts.Asked` for one question of a person: with an end to its patience, and what did not answer."""

    def __init__(self, workers: Workers, within_s: float) -> None:
        self._workers = workers
        self._until = time.monotonic() + within_s
        self._silent: dict[str, None] = {}
        self.answered = False
        """Whether anybody who could know has said anything."""

    @property
    def unanswered(self) -> list[str]:
        """`stage/partition` of what was asked for and not answered."""
        return sorted(self._silent)

    async def ask(self, stage: StageName, question: Mapping[str, Any], keys: Iterable[str] | None) -> dict[int, Any]:
        """As `whereabouts.Asked`."""
        needed = self._workers.needed(stage, keys)
        found = await self._workers.local(stage, question, self._left())
        if needed - found.keys():
            for partition, one in (await self._workers.elsewhere(stage, question, self._left())).items():
                found.setdefault(partition, one)
        self.answered = self.answered or bool(found)
        self._silent.update({f"{stage}/{one}" if stage != "seal" else "seal": None for one in needed - found.keys()})
        return found

    def _left(self) -> float:
        return max(0.01, self._until - time.monotonic())
