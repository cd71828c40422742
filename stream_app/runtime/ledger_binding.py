"""The only place where the ledger stage is bound to `packets`, its table, and the clock that closes quiet hours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from stream_app.core.attestation import Sign
from stream_app.pipeline.ledger import LedgerPartition
from stream_app.pipeline.ports import Effects, Incoming
from stream_app.runtime import instruments
from stream_app.runtime.durable import Durable
from stream_app.runtime.host import AnyLane, Binding, Host
from stream_app.runtime.lane import Lane
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Telemetry
from stream_app.topics import PACKETS


class LedgerBinding(Binding):
    """`packets` -> `ledger`; rows: each chain's head, and the packets that no entry covers yet."""

    stage: ClassVar[StageName] = "ledger"
    topics: tuple[str, ...] = (PACKETS.name,)
    table: ClassVar[str | None] = "ledger"

    def __init__(self, settings: Settings, telemetry: Telemetry, sign: Sign | None) -> None:
        self._telemetry = telemetry
        self._sign = sign

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane over the partition's chain."""
        assert rows is not None
        pending = PendingRows(rows)
        stage = LedgerPartition(partition, pending, self._sign, lambda: time.time_ns() // 1_000_000)
        stage.recover()

        def fold(batch: Sequence[Incoming]) -> Sequence[Effects]:
            effects = stage.fold(batch)
            instruments.count(self._telemetry.recorder, "ledger", effects)
            return effects

        return Lane(f"{topic}/{partition}", fold, durable, host.fail, rows=pending, tick=stage.tick)
