"""The only place where stages are bound to topics, tables and lanes; STAGE_BINDINGS is what a worker can run."""

from __future__ import annotations

import asyncio

from stream_app.core.policy import Policy
from stream_app.pipeline.identity import IdentityPartition
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming
from stream_app.runtime.host import AnyLane, Host
from stream_app.runtime.intake_clock import IntakeClock
from stream_app.runtime.lane import Lane
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Telemetry
from stream_app.topics import EVIDENCE, IDENTITY, INTAKE_TOPICS


class IntakeBinding:
    """Input topics -> `identity`, `evidence`, `dead-letters`; and the clock."""

    stage: StageName = "intake"
    topics = tuple(topic.name for topic in INTAKE_TOPICS)
    table = None

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._intake = Intake(settings.max_event_bytes)
        self._telemetry = telemetry
        self._clock: IntakeClock | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: Host) -> None:
        """Start telling the time."""
        self._clock = IntakeClock(host)
        self._task = asyncio.create_task(self._clock.run(), name="intake clock")

    def open(self, host: Host, topic: str, partition: int, rows: TablePartition | None) -> AnyLane:
        """A lane that folds by the stateless intake."""
        return Lane(f"{topic}/{partition}", self._intake.handle, host.publisher, rows, lambda _: None, host.fail)

    def closed(self, topic: str, partition: int) -> None:
        """Nothing is kept of a partition."""

    async def stop(self) -> None:
        """Stop the clock."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class IdentityBinding:
    """`identity` -> `evidence`, `identity`, alerts; rows by alias."""

    stage: StageName = "identity"
    topics = (IDENTITY.name,)
    table = "identity"

    def __init__(self, settings: Settings, telemetry: Telemetry, policy: Policy) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._policy = policy

    async def start(self, host: Host) -> None:
        """Nothing to start."""

    def open(self, host: Host, topic: str, partition: int, rows: TablePartition | None) -> AnyLane:
        """A lane over the partition's aliases."""
        assert rows is not None
        stage = IdentityPartition(partition, self._settings.internal_partitions, rows, self._policy)
        stage.recover(rows.all())
        return Lane(f"{topic}/{partition}", stage.handle, host.publisher, rows, lambda _: None, host.fail)

    def closed(self, topic: str, partition: int) -> None:
        """The partition's memory goes with its lane."""

    async def stop(self) -> None:
        """Nothing to stop."""


class JoinBinding:
    """`evidence` -> `seal-orders`, `join-alerts`; rows by call."""

    stage: StageName = "join"
    topics = (EVIDENCE.name,)
    table = "join"

    def __init__(self, settings: Settings, telemetry: Telemetry, policy: Policy) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._policy = policy

    async def start(self, host: Host) -> None:
        """Nothing to start."""

    def open(self, host: Host, topic: str, partition: int, rows: TablePartition | None) -> AnyLane:
        """A lane over the partition's calls."""
        assert rows is not None
        stage = JoinPartition(partition, rows, self._policy)
        stage.recover(rows.all())

        def measure(_: Incoming) -> None:
            return None

        return Lane(f"{topic}/{partition}", stage.handle, host.publisher, rows, measure, host.fail)

    def closed(self, topic: str, partition: int) -> None:
        """The partition's memory goes with its lane."""

    async def stop(self) -> None:
        """Nothing to stop."""
