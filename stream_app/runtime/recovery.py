"""The only place where Faust's recovery of tables is set aside: it finds nothing to do, and we replay (`ownership`).

Faust calls `on_recover` when it has nothing left to replay; there the partitions are taken over. Private names relied
on: `Recovery._build_offsets`, which is told that every changelog was read to its end, and
`TableManager._update_channels`.
"""

from __future__ import annotations

from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery


class NothingToRecover(Recovery):  # type: ignore[misc]
    """Faust's recovery, for which every changelog ends where it begins to read."""

    async def _build_offsets(self, consumer: Any, tps: Any, destination: Any, title: str) -> None:
        if title != "active":
            await super()._build_offsets(consumer, tps, destination, title)
            return
        for tp in tps:
            destination[tp] = self.active_highwaters[tp]


class Tables(TableManager):  # type: ignore[misc]
    """Faust's table manager with that recovery; a public setting (`TableManager`)."""

    _recovery: Recovery | None = None

    async def on_start(self) -> None:
        """At once. Faust first waits a second for tables that are made late; a stage has its one table before that."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """Made once."""
        if self._recovery is None:
            self._recovery = NothingToRecover(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
