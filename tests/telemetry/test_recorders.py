"""Recorders write what they say, refuse every label outside the closed sets, and leak nothing into a real scrape."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import pytest

from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.evidence import KIND_ORDER
from stream_app.core.orders import AlertKind, CompletedBy, MissingReason, SelectionReason
from stream_app.core.packet import Status
from stream_app.settings import STAGES, Settings
from stream_app.telemetry import Recorder, Telemetry, disabled, start
from stream_app.telemetry.catalogue import (
    EVENT_TYPE,
    METRICS,
    WEBHOOK_OUTCOME,
    WEBHOOK_PROVIDER,
    AlertState,
    Disposition,
    Metric,
    RestartCause,
    SealOutcome,
    StoreFailure,
    StoreOperation,
    metric_named,
)
from stream_app.telemetry.recorders import _Series
from tests.telemetry.scrapes import leaks, scrape


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    started = start(Settings(metrics_port=0), "join")
    yield started
    started.shutdown()


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    assert telemetry.metrics_url is not None
    found = [one.value for one in scrape(telemetry.metrics_url) if one.name == name and one.labels == labels]
    assert len(found) <= 1
    return found[0] if found else None


def a_run(recorder: Recorder, seed: int, events: int = 3000) -> None:
    """What a worker of all four stages would record: every label value at least once, the rest by chance."""
    chance = random.Random(seed)
    for type_, disposition in product(EVENT_TYPE.values, get_args(Disposition)):
        recorder.event(type_, disposition)
    for _ in range(events):
        recorder.event(chance.choice(EVENT_TYPE.values), chance.choice(get_args(Disposition)), count=2)
    for stage in STAGES:
        recorder.stage_started(stage)
        recorder.stage_up(stage, up=True)
        recorder.stage_lag(stage, records=chance.randrange(10_000))
        for reason in get_args(DeadLetterReason):
            recorder.dead_letter(stage, reason)
        for cause in get_args(RestartCause):
            recorder.stage_restarted(stage, cause, count=1)
    for partition in (0, 3, 1023):
        recorder.joins_open(partition, count=chance.randrange(100), oldest_s=chance.random() * 900)
        recorder.events_parked(partition, count=chance.randrange(9))
        recorder.clock_lag(partition, seconds=chance.random())
    for kind, state in product(get_args(AlertKind), get_args(AlertState)):
        recorder.join_alert(kind, state)
    for completed_by in get_args(CompletedBy):
        recorder.seal_ordered(completed_by)
    gaps = tuple(product(KIND_ORDER, get_args(MissingReason)))
    for status, reason in product(get_args(Status), get_args(SelectionReason)):
        recorder.packet_published(status=status, reason=reason, latency_s=chance.random() * 700, missing=gaps)
    for outcome in get_args(SealOutcome):
        recorder.sealed(outcome, seconds=chance.random())
    for operation, failure in product(get_args(StoreOperation), get_args(StoreFailure)):
        recorder.store_error(operation, failure)
    for provider, outcome in product(WEBHOOK_PROVIDER.values, WEBHOOK_OUTCOME.values):
        recorder.webhook(provider, outcome, seconds=chance.random())
    recorder.deadline_fired(overshoot_s=0.3)


def test_a_run_shows_every_metric_and_leaks_nothing(telemetry: Telemetry) -> None:
    a_run(telemetry.recorder, seed=7)
    assert telemetry.metrics_url is not None
    samples = scrape(telemetry.metrics_url)
    shown = {sample.name for sample in samples}
    assert shown == {name for metric in METRICS for name in metric.series_names}
    assert list(leaks(samples)) == []


def test_a_recorder_that_would_leak_is_caught(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with the recorder's own check taken out, the scrape shows the leak and the test above fails."""
    monkeypatch.setattr(
        _Series, "_check", lambda self, values: dict(zip((one.name for one in self.metric.labels), values, strict=True))
    )
    telemetry.recorder.dead_letter("intake", "call CA9f3b from +49 30 1234567 is bad")  # type: ignore[arg-type]
    telemetry.recorder.event("CA5e1f60a2b3c4d5", "used")
    assert telemetry.metrics_url is not None
    found = "\n".join(leaks(scrape(telemetry.metrics_url)))
    assert "stream_app_dead_letters_total: reason='call CA9f3b from +49 30 1234567 is bad' is outside" in found
    assert "looks like a phone number" in found
    assert "type='CA5e1f60a2b3c4d5' looks like a provider's ID" in found


def test_counters_and_histograms_add_up(telemetry: Telemetry) -> None:
    recorder = telemetry.recorder
    recorder.event("tool-call", "used", count=41)
    recorder.event("tool-call", "used")
    recorder.packet_published(
        status="incomplete", reason="failed_tool_call", latency_s=2.0, missing=[("recording", "never_seen")]
    )
    assert value(telemetry, "stream_app_events_total", type="tool-call", disposition="used") == 42
    assert value(telemetry, "stream_app_packets_total", status="incomplete", reason="failed_tool_call") == 1
    assert value(telemetry, "stream_app_missing_total", kind="recording", reason="never_seen") == 1
    bucket = "stream_app_evidence_to_packet_seconds_bucket"
    assert value(telemetry, bucket, status="incomplete", le="1.0") == 0
    assert value(telemetry, bucket, status="incomplete", le="2.5") == 1


def test_clocks_that_disagree_never_make_a_negative_latency(telemetry: Telemetry) -> None:
    telemetry.recorder.packet_published(status="complete", reason="failed_tool_call", latency_s=-0.2)
    assert value(telemetry, "stream_app_evidence_to_packet_seconds_sum", status="complete") == 0


def test_a_stage_starts_not_ready_with_the_watched_counters_at_zero(telemetry: Telemetry) -> None:
    assert value(telemetry, "stream_app_stage_up", stage="join") == 0
    assert value(telemetry, "stream_app_dead_letters_total", stage="join", reason="invalid_internal") == 0
    assert value(telemetry, "stream_app_events_total", type="call-ended", disposition="used") == 0
    telemetry.recorder.stage_up("join", up=True)
    assert value(telemetry, "stream_app_stage_up", stage="join") == 1


@pytest.mark.parametrize("count", [0, 3])
def test_restarts_show_their_whole_count_from_the_first_scrape(telemetry: Telemetry, count: int) -> None:
    telemetry.recorder.stage_restarted("join", "frozen", count=count)
    assert value(telemetry, "stream_app_stage_restarts_total", stage="join", cause="frozen") == count


def test_a_partition_that_was_given_away_is_no_longer_shown(telemetry: Telemetry) -> None:
    for partition in (1, 2):
        telemetry.recorder.joins_open(partition, count=5, oldest_s=60)
        telemetry.recorder.clock_lag(partition, seconds=1)
    telemetry.recorder.partition_released("join", 1)
    for name in ("stream_app_joins_open", "stream_app_oldest_open_seconds", "stream_app_clock_lag_seconds"):
        assert value(telemetry, name, partition="1") is None
        assert value(telemetry, name, partition="2") is not None
    telemetry.recorder.partition_released("seal", 2)  # Owns no such gauge, and says so by doing nothing.
    assert value(telemetry, "stream_app_joins_open", partition="2") == 5


REFUSED: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("event", ("CA5e1f60a2", "used"), {}),
    ("event", ("call-ended", "fine"), {}),
    ("event", ("call-ended", "used"), {"count": -1}),
    ("dead_letter", ("nobody", "late"), {}),
    ("dead_letter", ("intake", "because of +49 30 1234567"), {}),
    ("joins_open", ("CA5e", ), {"count": 1, "oldest_s": 1}),
    ("joins_open", (1024, ), {"count": 1, "oldest_s": 1}),
    ("joins_open", (True, ), {"count": 1, "oldest_s": 1}),
    ("joins_open", (1, ), {"count": 1, "oldest_s": float("nan")}),
    ("clock_lag", (-1, ), {"seconds": 1}),
    ("join_alert", ("stuck", "open"), {}),
    ("seal_ordered", ("patience", ), {}),
    ("packet_published", (), {"status": "fine", "reason": "failed_tool_call", "latency_s": 1}),
    ("packet_published", (), {"status": "complete", "reason": "Mrs Smith", "latency_s": 1}),
    ("packet_published", (), {"status": "complete", "reason": "failed_tool_call", "latency_s": float("inf")}),
    ("sealed", ("s3://bucket/key", ), {"seconds": 1}),
    ("store_error", ("put", "HTTP 500"), {}),
    ("stage_up", (None, ), {"up": True}),
    ("stage_lag", ("all", ), {"records": 1}),
    ("stage_restarted", ("join", "tired"), {"count": 1}),
)  # fmt: skip


@pytest.mark.parametrize(("method", "positional", "named"), REFUSED)
def test_what_is_outside_the_closed_sets_is_refused_at_once(
    method: str, positional: tuple[Any, ...], named: dict[str, Any]
) -> None:
    recorder = disabled().recorder
    recorder.joins_open(1, count=1, oldest_s=1)  # True must not find partition 1's labels.
    with pytest.raises(ValueError, match="stream_app_") as refusal:
        getattr(recorder, method)(*positional, **named)
    for secret in ("CA5e1f60a2", "1234567", "Smith", "s3://"):
        assert secret not in str(refusal.value)


def test_a_wrong_number_of_labels_is_a_mistake_of_ours() -> None:
    class Silent(_Series):
        """Only the label check."""

    metric: Metric = metric_named("stream_app_stage_up")
    with pytest.raises(ValueError, match="has 1 labels, not 2"):
        Silent(metric).labels("join", "seal")
