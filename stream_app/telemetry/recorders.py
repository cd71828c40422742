"""The only place where metrics are written: one typed method per thing that happens, so no stage passes free labels.

Every label value is checked against its closed set and refused with ValueError at once, also where types are off:
a label that leaked an ID would stand in a metrics database that nobody redacts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import product

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.evidence import Kind
from stream_app.core.orders import AlertKind, CompletedBy, MissingReason, SelectionReason
from stream_app.core.packet import Status
from stream_app.telemetry.catalogue import (
    METRICS,
    AlertState,
    Disposition,
    Metric,
    RestartCause,
    SealOutcome,
    Stage,
    StoreFailure,
    StoreOperation,
)

Labels = dict[str, str | int]
Values = tuple[str | int, ...]

ZEROED: dict[Stage, tuple[str, ...]] = {
    "intake": ("stream_app_events_total", "stream_app_dead_letters_total"),
    "identity": ("stream_app_dead_letters_total",),
    "join": ("stream_app_events_total", "stream_app_dead_letters_total", "stream_app_join_alerts_total"),
    "seal": ("stream_app_dead_letters_total", "stream_app_store_errors_total"),
    "ledger": ("stream_app_dead_letters_total",),
    "review": ("stream_app_dead_letters_total", "stream_app_join_alerts_total"),
    "gateway": ("stream_app_webhooks_total", "stream_app_store_errors_total"),
}
"""Counters a stage shows at 0 from its start: `increase()` does not see the first event of a series born with it."""

PARTITION_GAUGES: dict[Stage, tuple[str, ...]] = {
    "identity": ("stream_app_events_parked",),
    "join": ("stream_app_joins_open", "stream_app_oldest_open_seconds", "stream_app_clock_lag_seconds"),
}
"""What a stage says of each partition it owns."""


class _Series:
    """One metric's label sets, each checked once and then remembered; bounded because the sets are closed."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._known: dict[Values, Labels] = {}

    def labels(self, *values: str | int) -> Labels:
        known = self._known.get(values)
        if known is None or any(isinstance(value, bool) for value in values):  # True would find partition 1's entry.
            known = self._known[values] = self._check(values)
        return known

    def _check(self, values: Values) -> Labels:
        labels = self.metric.labels
        if len(values) != len(labels):
            raise ValueError(f"{self.metric.name} has {len(labels)} labels, not {len(values)}")
        for label, value in zip(labels, values, strict=True):
            if not label.allows(value):
                # The value itself stays out of the message: it may be what must not be written down.
                raise ValueError(f"{self.metric.name}: value outside the closed set of label {label.name!r}")
        return {label.name: value for label, value in zip(labels, values, strict=True)}


class _Counter(_Series):
    def __init__(self, meter: Meter, metric: Metric) -> None:
        super().__init__(metric)
        self._counter: Counter = meter.create_counter(metric.otel_name, metric.unit, metric.description)

    def add(self, count: int, *values: str | int) -> None:
        if count < 0:
            raise ValueError(f"{self.metric.name} only grows")
        self._counter.add(count, self.labels(*values))

    def zero(self, stage: Stage) -> None:
        sets = [(stage,) if label.name == "stage" else label.values for label in self.metric.labels]
        for values in product(*sets):
            self.add(0, *values)


class _Histogram(_Series):
    def __init__(self, meter: Meter, metric: Metric) -> None:
        super().__init__(metric)
        self._histogram: Histogram = meter.create_histogram(
            metric.otel_name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.buckets
        )

    def observe(self, seconds: float, *values: str | int) -> None:
        if not math.isfinite(seconds):
            raise ValueError(f"{self.metric.name} takes finite seconds")
        # Two machines' clocks are compared: a negative difference means "at once".
        self._histogram.record(max(0.0, seconds), self.labels(*values))


class _Gauge(_Series):
    """Read at export, so that a partition that was given away disappears at once instead of standing still."""

    def __init__(self, meter: Meter, metric: Metric) -> None:
        super().__init__(metric)
        self._now: dict[Values, float] = {}
        meter.create_observable_gauge(metric.otel_name, [self._read], metric.unit, metric.description)

    def _read(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, self.labels(*values)) for values, value in list(self._now.items())]

    def set(self, value: float, *values: str | int) -> None:
        if not math.isfinite(value):
            raise ValueError(f"{self.metric.name} takes finite numbers")
        self.labels(*values)
        self._now[values] = max(0.0, value)  # Ages are differences of two machines' clocks.

    def forget(self, *values: str | int) -> None:
        self._now.pop(values, None)


class Recorder:
    """Writes the catalogue's metrics. Thread-safe; costs a few microseconds a call, so hot paths pass a `count`."""

    def __init__(self, meter: Meter) -> None:
        makers: dict[str, Callable[[Meter, Metric], _Series]] = {
            "counter": _Counter, "gauge": _Gauge, "histogram": _Histogram,
        }  # fmt: skip
        self._series = {metric.name: makers[metric.instrument](meter, metric) for metric in METRICS}

    def stage_started(self, stage: Stage) -> None:
        """Show the stage as not ready yet, and the counters that rules watch at 0."""
        self.stage_up(stage, up=False)
        for name in ZEROED[stage]:
            self._counter(name).zero(stage)

    def stage_up(self, stage: Stage, *, up: bool) -> None:
        """Whether the stage is assigned, recovered and getting on."""
        self._gauge("stream_app_stage_up").set(int(up), stage)

    def stage_lag(self, stage: Stage, *, records: int) -> None:
        """Records behind the end of its inputs, over the partitions this process owns."""
        self._gauge("stream_app_stage_lag_records").set(records, stage)

    def stage_restarted(self, stage: Stage, cause: RestartCause, *, count: int) -> None:
        """The stage's supervisor had started it again `count` times before this process; told once, at its start.

        The whole count each time: a series that goes on over restarts shows the last one to `increase()`."""
        self._counter("stream_app_stage_restarts_total").add(count, stage, cause)

    def event(self, type: str, disposition: Disposition, *, count: int = 1) -> None:
        """`count` input positions of this event type (`catalogue.UNKNOWN_TYPE` where none could be read) ended so."""
        self._counter("stream_app_events_total").add(count, type, disposition)

    def dead_letter(self, stage: Stage, reason: DeadLetterReason) -> None:
        """One record went to dead-letters."""
        self._counter("stream_app_dead_letters_total").add(1, stage, reason)

    def events_parked(self, partition: int, *, count: int) -> None:
        """Events now waiting in this identity partition."""
        self._gauge("stream_app_events_parked").set(count, partition)

    def joins_open(self, partition: int, *, count: int, oldest_s: float) -> None:
        """Open calls of this evidence partition, and the age of the oldest in seconds (0 with none)."""
        self._gauge("stream_app_joins_open").set(count, partition)
        self._gauge("stream_app_oldest_open_seconds").set(oldest_s, partition)

    def clock_lag(self, partition: int, *, seconds: float) -> None:
        """How far this evidence partition's clock stands behind the present."""
        self._gauge("stream_app_clock_lag_seconds").set(seconds, partition)

    def partition_released(self, stage: Stage, partition: int) -> None:
        """This stage's process no longer owns the partition: its gauges are the new owner's to show."""
        for name in PARTITION_GAUGES.get(stage, ()):
            self._gauge(name).forget(partition)

    def deadline_fired(self, *, overshoot_s: float) -> None:
        """A deadline fired this many seconds after it was due."""
        self._histogram("stream_app_deadline_overshoot_seconds").observe(overshoot_s)

    def join_alert(self, kind: AlertKind, state: AlertState) -> None:
        """One record went to join-alerts."""
        self._counter("stream_app_join_alerts_total").add(1, kind, state)

    def seal_ordered(self, completed_by: CompletedBy, *, count: int = 1) -> None:
        """The join ordered so many packets."""
        self._counter("stream_app_seal_orders_total").add(count, completed_by)

    def packet_published(
        self,
        *,
        status: Status,
        reason: SelectionReason,
        latency_s: float,
        missing: Iterable[tuple[Kind, MissingReason]] = (),
    ) -> None:
        """One packet is confirmed, `latency_s` after its last piece of evidence; `missing` is what it lacks."""
        self._counter("stream_app_packets_total").add(1, status, reason)
        self._histogram("stream_app_evidence_to_packet_seconds").observe(latency_s, status)
        for kind, why in missing:
            self._counter("stream_app_missing_total").add(1, kind, why)

    def sealed(self, outcome: SealOutcome, *, seconds: float) -> None:
        """A seal order came to this outcome after so many seconds of work."""
        self._histogram("stream_app_seal_duration_seconds").observe(seconds, outcome)

    def store_error(self, operation: StoreOperation, failure: StoreFailure) -> None:
        """Object storage refused or failed a request."""
        self._counter("stream_app_store_errors_total").add(1, operation, failure)

    def webhook(self, provider: str, outcome: str, *, seconds: float) -> None:
        """A webhook was answered after so many seconds; `catalogue` has the providers and outcomes."""
        self._counter("stream_app_webhooks_total").add(1, provider, outcome)
        self._histogram("stream_app_webhook_duration_seconds").observe(seconds, provider)

    def _counter(self, name: str) -> _Counter:
        series = self._series[name]
        assert isinstance(series, _Counter)
        return series

    def _gauge(self, name: str) -> _Gauge:
        series = self._series[name]
        assert isinstance(series, _Gauge)
        return series

    def _histogram(self, name: str) -> _Histogram:
        series = self._series[name]
        assert isinstance(series, _Histogram)
        return series
