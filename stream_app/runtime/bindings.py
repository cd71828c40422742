"""The only place where stages are bound to topics, tables, lanes and instruments: one class a stage.

A process runs one stage: what is a stage's alone is imported where it is bound, so that no other loads it at its start.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from stream_app import __version__
from stream_app.core import alias_rows, due_index
from stream_app.core.attestation import Sign
from stream_app.core.policy import Policy
from stream_app.pipeline.ports import Effects, Incoming, ObjectStore, Redactor, State, TraceSource
from stream_app.runtime import instruments
from stream_app.runtime.concurrent_lane import ConcurrentLane
from stream_app.runtime.durable import Durable
from stream_app.runtime.host import AnyLane, Binding, Host
from stream_app.runtime.lane import Lane, Prepare
from stream_app.runtime.pending_rows import PendingRows
from stream_app.runtime.progress import row_key
from stream_app.runtime.steps import reached
from stream_app.runtime.tables import TablePartition
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Telemetry
from stream_app.topics import EVIDENCE, IDENTITY, INTAKE_TOPICS, PROVIDER_RECORDS, SEAL_ORDERS, SEAL_RETRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stream_app.core.events import Event
    from stream_app.pipeline.call_keys import CallKeys
    from stream_app.pipeline.identity import IdentityPartition
    from stream_app.pipeline.join import JoinPartition
    from stream_app.pipeline.provider_records import ProviderIntake
    from stream_app.providers.adapter import Normalised
    from stream_app.providers.privacy import Screen
    from stream_app.runtime.breaker import Breaker


REPEATABLE = frozenset({EVIDENCE.name, IDENTITY.name})
"""What identity may send again after a fault: the join knows evidence by its source position, and a hop that comes
twice changes nothing."""


class Content(Protocol):
    """Where content that came inline is put away; its connection is opened and closed by the stage."""

    async def __aenter__(self) -> Content: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def put_away(self, made: Normalised, screen: Screen) -> tuple[Event, ...]:
        """As `pipeline.provider_records.PutAway`."""
        ...


class IntakeBinding(Binding):
    """Input topics, ours and providers' -> `identity`, `evidence`, `dead-letters`; and the clock."""

    stage: ClassVar[StageName] = "intake"
    table: ClassVar[str | None] = None

    def __init__(
        self, settings: Settings, telemetry: Telemetry, content: Content, keys: CallKeys | None = None
    ) -> None:
        """`keys`: what is private is concealed under them; without them it ends here."""
        from stream_app.core.concealment import UNKEYED
        from stream_app.pipeline.intake import Intake

        self._settings = settings
        self._telemetry = telemetry
        self._content = content
        self._keys = keys
        self._concealer = keys or UNKEYED
        self._providers = settings.providers_by_topic()
        self.topics = (*(topic.name for topic in INTAKE_TOPICS), *self._providers)
        self._fold = self._instrumented(Intake(settings.max_event_bytes, self._concealer).fold)
        self._task: asyncio.Task[None] | None = None
        self._breaker: Breaker | None = None

    async def start(self, host: Host) -> None:
        """Learn what is paused; start telling the time."""
        from stream_app.runtime.breaker import Breaker
        from stream_app.runtime.intake_clock import IntakeClock

        await self._content.__aenter__()
        if self._keys is not None:
            await self._keys.__aenter__()
        self._breaker = Breaker(host.settings)
        await self._breaker.start(host)
        self._task = asyncio.create_task(IntakeClock(host).run(), name="intake clock")

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane that folds by the stateless intake."""
        assert self._breaker is not None
        source = f"{topic}/{partition}"
        fold = self._fold
        prepare: Prepare | None = self._keys.prepare if self._keys is not None else None
        if topic in self._providers:
            by_adapters = self._by_adapters()
            fold, prepare = self._instrumented(by_adapters.fold), _both(prepare, by_adapters.prepare)
        lane = Lane(source, self._breaker.guard(source, fold), durable, host.fail, prepare=prepare)
        if self._breaker.paused(source):
            lane.pause()
        return lane

    def _by_adapters(self) -> ProviderIntake:
        """A lane's own: what it has prepared goes with it."""
        from stream_app.pipeline.provider_records import ProviderIntake
        from stream_app.runtime.otlp_codec import document_of

        key = self._settings.name_key
        return ProviderIntake(
            self._providers,
            put_away=self._content.put_away,
            decode=document_of,
            max_bytes=PROVIDER_RECORDS.max_message_bytes,
            name_key=b"" if key is None else key.get_secret_value().encode(),
            concealer=self._concealer,
        )

    def _instrumented(self, fold: Callable[[Sequence[Incoming]], Sequence[Effects]]) -> instruments.Fold:
        return instruments.instrumented("intake", self._telemetry, self._telemetry.spans.intake_accept, fold)

    async def stop(self) -> None:
        """Stop the clock, let go of the store."""
        if self._breaker is not None:
            await self._breaker.stop()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._keys is not None:
            await self._keys.__aexit__(None, None, None)
        await self._content.__aexit__(None, None, None)


def _both(first: Prepare | None, then: Prepare) -> Prepare:
    """One after the other."""
    if first is None:
        return then
    before = first

    async def prepare(batch: Sequence[Incoming]) -> None:
        await before(batch)
        await then(batch)

    return prepare


class IdentityBinding(Binding):
    """`identity` -> `evidence`, `identity`, alerts; rows by alias."""

    stage: ClassVar[StageName] = "identity"
    topics: tuple[str, ...] = (IDENTITY.name,)
    table: ClassVar[str | None] = "identity"

    def __init__(self, settings: Settings, telemetry: Telemetry, policy: Policy) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._policy = policy
        self._partitions: dict[int, IdentityPartition] = {}
        self._rows: dict[int, State] = {}

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane over the partition's aliases."""
        from stream_app.pipeline.identity import IdentityPartition

        assert rows is not None
        pending = PendingRows(rows)
        stage = IdentityPartition(partition, self._settings.internal_partitions, pending, self._policy)
        stage.recover()
        self._partitions[partition], self._rows[partition] = stage, pending
        spans = self._telemetry.spans.identity_resolve
        fold = instruments.instrumented("identity", self._telemetry, spans, stage.fold)
        return Lane(
            f"{topic}/{partition}",
            fold,
            durable,
            host.fail,
            rows=pending,
            refold=stage.refold,
            aside=host.unfenced,
            repeatable=REPEATABLE,
        )

    def local_rows(self, key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """The index of due times."""
        return alias_rows.local_rows(key, row)

    def closed(self, topic: str, partition: int) -> None:
        """Its gauges are the next owner's."""
        self._partitions.pop(partition, None)
        self._rows.pop(partition, None)
        self._telemetry.recorder.partition_released("identity", partition)

    def measure(self) -> None:
        """Events that wait, by partition."""
        for partition, stage in self._partitions.items():
            self._telemetry.recorder.events_parked(partition, count=stage.parked())

    async def answer(self, question: Mapping[str, Any]) -> dict[int, Any]:
        """`aliases` (`names`), `named` (`value`)."""
        from stream_app.runtime import questions

        return questions.of_identity(self._rows, question)


class JoinBinding(Binding):
    """`evidence` -> `seal-orders`, `join-alerts`; rows by call."""

    stage: ClassVar[StageName] = "join"
    topics: tuple[str, ...] = (EVIDENCE.name,)
    table: ClassVar[str | None] = "join"

    def __init__(self, settings: Settings, telemetry: Telemetry, policy: Policy) -> None:
        self._telemetry = telemetry
        self._policy = policy
        self._partitions: dict[int, JoinPartition] = {}
        self._rows: dict[int, State] = {}

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane over the partition's calls."""
        from stream_app.pipeline.join import JoinPartition

        assert rows is not None
        observe = instruments.join_observer(self._telemetry.recorder)
        pending = PendingRows(rows)
        stage = JoinPartition(partition, pending, self._policy, observe)
        stage.recover()
        self._partitions[partition], self._rows[partition] = stage, pending

        fold = instruments.instrumented("join", self._telemetry, self._telemetry.spans.join_fold, stage.fold)
        return Lane(f"{topic}/{partition}", fold, durable, host.fail, rows=pending)

    def local_rows(self, key: bytes, row: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """The index of due times."""
        return due_index.local_rows(key, row)

    def closed(self, topic: str, partition: int) -> None:
        """Its gauges are the next owner's."""
        self._partitions.pop(partition, None)
        self._rows.pop(partition, None)
        self._telemetry.recorder.partition_released("join", partition)

    def measure(self) -> None:
        """Open calls, the age of the oldest, and how far the clock stands back, by partition."""
        now = time.time()
        for partition, stage in self._partitions.items():
            count, oldest = stage.open_calls()
            age = 0.0 if oldest is None else max(0.0, now - oldest / 1000)
            self._telemetry.recorder.joins_open(partition, count=count, oldest_s=age)
            if stage.now is not None:
                self._telemetry.recorder.clock_lag(partition, seconds=max(0.0, now - stage.now / 1000))

    async def answer(self, question: Mapping[str, Any]) -> dict[int, Any]:
        """`call` (`call`), `open` (`wanted`)."""
        from stream_app.runtime import questions

        views = {partition: stage.view for partition, stage in self._partitions.items()}
        return await questions.of_join({one: (rows, views[one]) for one, rows in self._rows.items()}, question)


class OwnedStore(ObjectStore, Protocol):
    """An object store whose connection the stage opens and closes."""

    async def __aenter__(self) -> ObjectStore: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OwnedRedactor(Redactor, Protocol):
    """A redactor whose processes the stage ends."""

    async def warm(self) -> None:
        """Get ready before the first call."""
        ...

    async def close(self) -> None:
        """End the processes."""
        ...


class OwnedTraces(TraceSource, Protocol):
    """A trace source whose connections the stage opens and closes."""

    async def __aenter__(self) -> TraceSource: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SealBinding(Binding):
    """`seal-orders`, `seal-retry` -> object storage, `packets`; of rows only how far it has come."""

    stage: ClassVar[StageName] = "seal"
    topics: tuple[str, ...] = (SEAL_ORDERS.name, SEAL_RETRY.name)
    table: ClassVar[str | None] = "seal"

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        store: OwnedStore,
        policy: Policy,
        redactor: OwnedRedactor | None = None,
        sign: Sign | None = None,
        keys: CallKeys | None = None,
        traces: OwnedTraces | None = None,
    ) -> None:
        """`keys`: by them a call's known values are read. `traces` opens traces that nobody told of."""
        from stream_app.core.packet import ProducedBy
        from stream_app.pipeline.known import known_by
        from stream_app.pipeline.seal import Sealer
        from stream_app.sinks.metered import MeteredStore
        from stream_app.sinks.sources import SourceStore

        self._telemetry = telemetry
        self._store = store
        self._bucket = settings.packet_bucket
        self._redactor = redactor
        self._opened: tuple[CallKeys | OwnedTraces, ...] = tuple(one for one in (keys, traces) if one is not None)
        self._warming: asyncio.Task[None] | None = None
        self._limit = asyncio.Semaphore(settings.seal_concurrency)
        sources = SourceStore(
            store, hosts=settings.source_hosts, within_s=settings.source_link_s, files=settings.file_sources
        )
        self._sealer = Sealer(
            MeteredStore(sources, telemetry.recorder),
            packet_bucket=settings.packet_bucket,
            raw_bucket=settings.raw_bucket,
            source_buckets=settings.allowed_sources,
            max_artifact_bytes=settings.max_artifact_bytes,
            produced_by=ProducedBy(version=__version__, config_sha256=settings.config_sha256()),
            seal_budget_ms=policy.timing.seal_budget,
            now=lambda: time.time_ns() // 1_000_000,
            steady=lambda: time.monotonic_ns() // 1_000_000,
            observe=instruments.packet_observer(telemetry.recorder),
            redactor=redactor,
            sign=sign,
            known=known_by(keys),
            traces=traces,
        )

    async def start(self, host: Host) -> None:
        """Connect to the store, and let the processes that redact get ready meanwhile."""
        if self._redactor is not None:
            self._warming = asyncio.create_task(self._redactor.warm())
        for one in (self._store, *self._opened):
            await one.__aenter__()

    def open(self, host: Host, topic: str, partition: int, durable: Durable, rows: TablePartition | None) -> AnyLane:
        """A lane that seals several calls at a time."""
        assert rows is not None
        return ConcurrentLane(
            f"{topic}/{partition}",
            self._seal,
            self._sealer.wait_s if topic == SEAL_RETRY.name else None,
            durable,
            rows.get(row_key(topic, partition)),
            self._limit,
            host.fail,
        )

    async def _seal(self, incoming: Incoming) -> Effects:
        began = time.monotonic()
        with self._telemetry.spans.seal_packet(instruments.traceparents(incoming)) as span:
            effects = await self._sealer.handle(incoming)
            reached("manifest-stored")
            outcome = instruments.seal_outcome(effects)
            span.set(outcome=outcome)
            headers = span.headers()
        instruments.count(self._telemetry.recorder, "seal", (effects,))
        self._telemetry.recorder.sealed(outcome, seconds=time.monotonic() - began)
        return instruments.carried(effects, headers)

    async def answer(self, question: Mapping[str, Any]) -> dict[int, Any]:
        """`sealed` (`call`, `days`, `versions`): every sealer sees all of the store, so as of partition 0."""
        from stream_app.runtime import questions

        return await questions.of_seal(self._store, self._bucket, question)

    async def stop(self) -> None:
        """Let go of the store, and end the processes that redact."""
        if self._redactor is not None:
            if self._warming is not None:
                self._warming.cancel()
            await self._redactor.close()
        for one in (*self._opened, self._store):
            await one.__aexit__(None, None, None)
