"""The room's front door: what it offers is there, and it leaves the process's global telemetry alone."""

from __future__ import annotations

from opentelemetry import metrics, trace

from stream_app import telemetry
from stream_app.settings import Settings


def test_what_it_offers_is_there() -> None:
    for name in telemetry.__all__:
        assert getattr(telemetry, name) is not None
    assert telemetry.catalogue_markdown().startswith("# Metrics and spans")


def test_no_global_provider_is_set() -> None:
    """Two stages in one process, or a host program with telemetry of its own, must not meet in a global."""
    before = (trace.get_tracer_provider(), metrics.get_meter_provider())
    started = [telemetry.start(Settings(metrics_port=0), stage) for stage in ("join", "seal")]  # type: ignore[arg-type]
    try:
        assert (trace.get_tracer_provider(), metrics.get_meter_provider()) == before
        assert started[0].metrics_url != started[1].metrics_url
        assert started[0].recorder is not started[1].recorder
    finally:
        for one in started:
            one.shutdown()
