"""The only place that reads off a stage's host what its health is made of: partitions, lanes, how far they are done.

The host is looked at from beside, once a second, and knows nothing of it: no call of its own can be forgotten there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from stream_app.runtime.health import StageHealth
from stream_app.runtime.host import Host

log = logging.getLogger(__name__)

LOOK_S = 1.0


class HostWatch:
    """Tells `health` what the host has; `run` until cancelled."""

    def __init__(self, host: Host, health: StageHealth) -> None:
        self._host = host
        self._health = health
        self._waiting: dict[str, int] = {}
        """Partition -> records in its lane at the last look."""
        self._assignment: tuple[int, frozenset[str]] | None = None
        """(which rebalance, partitions); None while the group deals them."""

    async def run(self) -> None:
        """Look every second. A look that fails is logged, and the last one stands."""
        while True:
            try:
                self.look()
            except Exception as error:
                log.warning("the stage could not be looked at: %s: %s", type(error).__name__, error)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Once."""
        assignment = self._assigned()
        if assignment != self._assignment:
            self._assignment = assignment
            if assignment is None:
                self._health.revoked()
            else:
                self._health.assigned(assignment[1])
        if assignment is None:
            return
        lanes = {self._name(tp): lane for tp, lane in self._host.lanes.items()}
        # Without a table a lane opens with the first record: there is nothing to wait for.
        self._health.recovered(assignment[1] & lanes.keys() if self._host.binding.table else assignment[1])
        for name, lane in lanes.items():
            self._health.progress(name, lane.done_upto)
            if len(lane) < self._waiting.get(name, 0) or getattr(lane, "paused", False):
                self._health.moved(name)  # What is paused on purpose stands still, and is no fault of the stage.
        self._waiting = {name: len(lane) for name, lane in lanes.items()}

    def _assigned(self) -> tuple[int, frozenset[str]] | None:
        app = self._host.app
        if app.rebalancing or not app.rebalancing_count or app.consumer is None:
            return None
        names = (self._name(tp) for tp in app.consumer.assignment())
        inputs = frozenset(name for name in names if name.rpartition("/")[0] in self._host.binding.topics)
        return app.rebalancing_count, inputs

    def _name(self, tp: Any) -> str:
        return f"{tp.topic.removeprefix(self._host.settings.topic_prefix)}/{tp.partition}"
