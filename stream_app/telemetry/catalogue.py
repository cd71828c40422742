"""The only place where metrics and spans are named: one row each, with its unit and its closed label values.

Rules, dashboards and docs/metrics.md are checked against these rows; recorders refuse whatever is not in them.
Names are Prometheus names; over OTLP the same name travels without the `_total` or `_seconds` that Prometheus adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import KIND_ORDER
from stream_app.core.orders import AlertKind, CompletedBy, MissingReason, SelectionReason
from stream_app.core.packet import Status

Stage = Literal["intake", "identity", "join", "seal", "ledger", "review", "gateway"]
"""Who speaks: the line's stages, and the gateway before them."""
Disposition = Literal["used", "expired_unselected", "duplicate", "conflict", "late", "parked", "dead_letter"]
AlertState = Literal["firing", "resolved"]
SealOutcome = Literal["stored", "adopted", "conflict", "retried", "failed"]
StoreOperation = Literal["put", "get", "head", "digest", "list"]
StoreFailure = Literal["missing", "denied", "too_large", "unavailable", "other"]
RestartCause = Literal["failed", "frozen"]
WebhookProvider = Literal["twilio", "livekit", "vapi", "retell", "elevenlabs", "unknown"]
WebhookOutcome = Literal[
    "accepted", "nothing_to_report", "duplicate", "unknown", "not_authentic", "refused", "too_large", "too_slow",
    "busy", "unavailable", "stopping", "defect",
]  # fmt: skip
"""As `gateway.answers.Outcome`, which this room may not know."""
Instrument = Literal["counter", "gauge", "histogram"]

UNKNOWN_TYPE = "unknown"
"""The event type of a record that could not be read far enough to have one."""

MAX_PARTITIONS = 1024
"""Upper bound of the `partition` label: the most that settings allow."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label and every value it may have; without `values` it is a partition number below MAX_PARTITIONS."""

    name: str
    values: tuple[str, ...] = ()

    def allows(self, value: object) -> bool:
        """Whether `value` belongs to the closed set."""
        if self.values:
            return value in self.values
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_PARTITIONS

    def allows_text(self, text: str) -> bool:
        """The same for a value as a scrape shows it."""
        if self.values:
            return text in self.values
        return text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) < MAX_PARTITIONS


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its Prometheus name, what it counts, in which unit (`s`, or a word in braces), with which labels."""

    name: str
    instrument: Instrument
    unit: str
    description: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def otel_name(self) -> str:
        """The instrument's name before the Prometheus exporter adds `_seconds` and `_total`."""
        return self.name.removesuffix("_total").removesuffix("_seconds")

    @property
    def series_names(self) -> tuple[str, ...]:
        """Every name under which Prometheus stores it."""
        if self.instrument == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_count", f"{self.name}_sum")
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Span:
    """One span: who opens it, its OpenTelemetry kind, its attributes, and when it is recorded at all."""

    name: str
    stage: Stage
    kind: Literal["consumer", "internal", "producer"]
    description: str
    attributes: tuple[Label, ...] = ()
    always: bool = False
    """True: also recorded without a sampled parent. Otherwise only as part of a trace that the producer samples."""


STAGE = Label("stage", get_args(Stage))
PARTITION = Label("partition")
STATUS = Label("status", get_args(Status))
SELECTION = Label("reason", get_args(SelectionReason))
COMPLETED_BY = Label("completed_by", get_args(CompletedBy))
KIND = Label("kind", KIND_ORDER)
MISSING_REASON = Label("reason", get_args(MissingReason))
DEAD_LETTER_REASON = Label("reason", get_args(DeadLetterReason))
EVENT_TYPE = Label("type", (*(event.TYPE for event in EVENT_TYPES), UNKNOWN_TYPE))
DISPOSITION = Label("disposition", get_args(Disposition))
ALERT_KIND = Label("kind", get_args(AlertKind))
ALERT_STATE = Label("state", get_args(AlertState))
SEAL_OUTCOME = Label("outcome", get_args(SealOutcome))
OPERATION = Label("operation", get_args(StoreOperation))
FAILURE = Label("failure", get_args(StoreFailure))
WEBHOOK_PROVIDER = Label("provider", get_args(WebhookProvider))
WEBHOOK_OUTCOME = Label("outcome", get_args(WebhookOutcome))
RESTART_CAUSE = Label("cause", get_args(RestartCause))

WEBHOOK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Seconds; providers give up after 5 to 15."""
LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds; 60 is where a reviewer starts to call a packet late, so bounds stand on both sides of it."""

METRICS: tuple[Metric, ...] = (
    Metric(
        "stream_app_events_total", "counter", "{event}",
        "Input positions by event type and how they ended. A parked event counts again when its alias is linked.",
        (EVENT_TYPE, DISPOSITION),
    ),
    Metric(
        "stream_app_dead_letters_total", "counter", "{record}",
        "Records that could not be used, by the stage that said so.", (STAGE, DEAD_LETTER_REASON),
    ),
    Metric(
        "stream_app_events_parked", "gauge", "{event}",
        "Events that wait at an alias nobody has linked yet.", (PARTITION,),
    ),
    Metric(
        "stream_app_joins_open", "gauge", "{call}",
        "Calls with a deadline still ahead of them.", (PARTITION,),
    ),
    Metric(
        "stream_app_oldest_open_seconds", "gauge", "s",
        "Age of the oldest open call since its end (or the anchor that stands for it); 0 with none open.",
        (PARTITION,),
    ),
    Metric(
        "stream_app_clock_lag_seconds", "gauge", "s",
        "How far the clock that fires deadlines stands behind the present.", (PARTITION,),
    ),
    Metric(
        "stream_app_deadline_overshoot_seconds", "histogram", "s",
        "How long after its due time a deadline fired.", (), LATENCY_BUCKETS,
    ),
    Metric(
        "stream_app_join_alerts_total", "counter", "{alert}",
        "Records written to join-alerts.", (ALERT_KIND, ALERT_STATE),
    ),
    Metric(
        "stream_app_seal_orders_total", "counter", "{order}",
        "Orders to seal a call, by what completed it.", (COMPLETED_BY,),
    ),
    Metric(
        "stream_app_packets_total", "counter", "{packet}",
        "Packets published, every version, by status and selection reason.", (STATUS, SELECTION),
    ),
    Metric(
        "stream_app_missing_total", "counter", "{item}",
        "Kinds of evidence that published packets name as missing.", (KIND, MISSING_REASON),
    ),
    Metric(
        "stream_app_evidence_to_packet_seconds", "histogram", "s",
        "From the broker time of a packet's last piece of evidence to the packet; incomplete ones include the wait.",
        (STATUS,), LATENCY_BUCKETS,
    ),
    Metric(
        "stream_app_seal_duration_seconds", "histogram", "s",
        "From taking up a seal order to knowing its outcome.", (SEAL_OUTCOME,), LATENCY_BUCKETS,
    ),
    Metric(
        "stream_app_store_errors_total", "counter", "{error}",
        "Object storage requests that failed. A missing object is evidence that is missing, not always a fault.",
        (OPERATION, FAILURE),
    ),
    Metric(
        "stream_app_stage_lag_records", "gauge", "{record}",
        "Records between what the stage has confirmed and the end of its inputs, over its own partitions.", (STAGE,),
    ),
    Metric(
        "stream_app_stage_restarts_total", "counter", "{restart}",
        "How often the stage's supervisor has started it again: it failed, or it froze and was killed by the watchdog.",
        (STAGE, RESTART_CAUSE),
    ),
    Metric(
        "stream_app_stage_up", "gauge", "{stage}",
        "1 while the stage is assigned, recovered and getting on; 0 otherwise.", (STAGE,),
    ),
    Metric(
        "stream_app_webhooks_total", "counter", "{webhook}",
        "Webhooks by provider and what they were answered; `accepted` are in Kafka.",
        (WEBHOOK_PROVIDER, WEBHOOK_OUTCOME),
    ),
    Metric(
        "stream_app_webhook_duration_seconds", "histogram", "s",
        "From a webhook's first byte to its answer; most of it waits for the broker to confirm.", (WEBHOOK_PROVIDER,),
        WEBHOOK_BUCKETS,
    ),
)  # fmt: skip

SPANS: tuple[Span, ...] = (
    Span(
        "intake.accept", "intake", "consumer",
        "One input record read, validated and confirmed in evidence or identity; child of the producer's span.",
        (EVENT_TYPE, DISPOSITION),
    ),
    Span(
        "identity.resolve", "identity", "consumer",
        "One event parked at its alias, or released with its canonical ID.", (DISPOSITION,),
    ),
    Span("join.fold", "join", "consumer", "One event folded into its call's state.", (KIND, DISPOSITION)),
    Span(
        "seal.packet", "seal", "producer",
        "One packet sealed and published: a trace of its own, linked to the trace context of all its evidence.",
        (STATUS, SELECTION, SEAL_OUTCOME), always=True,
    ),
)  # fmt: skip


def metric_named(name: str) -> Metric:
    """The metric with this Prometheus name; KeyError for an unknown one."""
    return {metric.name: metric for metric in METRICS}[name]


def span_named(name: str) -> Span:
    """The span with this name; KeyError for an unknown one."""
    return {span.name: span for span in SPANS}[name]


def catalogue_markdown() -> str:
    """docs/metrics.md, whole."""
    lines = [
        "# Metrics and spans",
        "",
        "Generated from `stream_app/telemetry/catalogue.py`; a test fails when this page is stale.",
        "",
        "Labels have closed value sets: an ID, a phone number or a text can never become one. `partition` is a number",
        f"from 0 to {MAX_PARTITIONS - 1}. Over OTLP the names travel without `_total` and `_seconds`.",
        "",
        "## Metrics",
        "",
        "| name | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = ", ".join(f"`{label.name}`" for label in metric.labels) or "none"
        row = (f"`{metric.name}`", metric.instrument, metric.unit.strip("{}"), labels, metric.description)
        lines.append(f"| {' | '.join(row)} |")
    bounds = ", ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)
    webhooks = ", ".join(f"{bound:g}" for bound in WEBHOOK_BUCKETS)
    lines += ["", f"Histogram buckets, in seconds: {bounds}; of webhooks: {webhooks}.", "", "## Label values", ""]
    lines += ["| label | of | values |", "|---|---|---|"]
    for metric in METRICS:
        for label in metric.labels:
            if label.values:
                values = ", ".join(f"`{value}`" for value in label.values)
                lines.append(f"| `{label.name}` | `{metric.name}` | {values} |")
    lines += ["", "## Spans", "", "| name | kind | recorded | attributes | meaning |", "|---|---|---|---|---|"]
    for span in SPANS:
        when = "always" if span.always else "when the producer's trace is sampled"
        attributes = ", ".join(f"`stream_app.{label.name}`" for label in span.attributes)
        lines.append(f"| `{span.name}` | {span.kind} | {when} | {attributes} | {span.description} |")
    return "\n".join(lines) + "\n"
