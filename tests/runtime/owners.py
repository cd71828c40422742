"""Owners of one changelog on the real broker, as processes of their own would be: each with its own state directory."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import faust_app
from stream_app.runtime.durable import Fenced
from stream_app.runtime.ownership import Owned
from stream_app.runtime.record_batches import Partitioner
from stream_app.topics import SEAL_ORDERS
from tests.deployments import Deployment, deployment

CHANGELOG = "stream-app-join-join-changelog"


class Owner:
    """A stage with a table that may take partitions over; `taken` and `table` are what it has then."""

    def __init__(self, made: Deployment, directory: Path) -> None:
        self.settings = made.settings
        directory.mkdir(parents=True, exist_ok=True)
        self.app, _, self.table = faust_app.build(self.settings, "join", ("evidence",), "join", directory)
        self.changelog: str = self.table.changelog_topic_name
        self._partitioner = Partitioner()
        self._names = {CHANGELOG: self.changelog, SEAL_ORDERS.name: self.settings.topic(SEAL_ORDERS.name)}
        for name in self._names:
            self._partitioner.count(name, self.settings.internal_partitions)
        self.taken = self.owned()

    def owned(self) -> Owned:
        """Nothing yet, to take over with."""
        return Owned(self.settings, self.table, "join", self._partitioner, self._names)

    def fenced(self, partition: int) -> Fenced:
        """A producer of this partition beside what was taken."""
        return Fenced(
            self.settings, f"{self.settings.group('join')}-{partition}", self._partitioner, self._names, CHANGELOG
        )

    async def take(self, *partitions: int, derive: Any = lambda _key, _row: ()) -> Owned:
        """Let go of what was taken and take these partitions."""
        await self.leave()
        self.taken = self.owned()
        await self.taken.take(list(partitions), derive)
        return self.taken

    async def keep(self, rows: Mapping[bytes, bytes | None], partition: int = 0, orders: int = 0) -> None:
        """Commit rows, and with them some orders."""
        sends = [Outgoing(SEAL_ORDERS.name, b"k", b"order %d" % n, partition=partition) for n in range(orders)]
        await self.taken.fenced[partition].commit(sends, rows, {})

    def rows(self, partition: int = 0) -> dict[bytes, bytes]:
        """What the local store holds."""
        return dict(self.taken.tables[partition].scan(b"", b"\xff"))

    async def leave(self) -> None:
        """Let go, and close the stores as Faust does at a revocation."""
        await self.taken.let_go()
        self.table.data._dbs.clear()
        gc.collect()


@contextmanager
def changelog(stack: Endpoints) -> Iterator[Deployment]:
    """A deployment with the join's changelog and `seal-orders`, two partitions each."""
    with deployment(stack, topics=(CHANGELOG, SEAL_ORDERS.name)) as made:
        yield made
