"""The only place where telemetry leaves the process: OTLP over HTTP, and a Prometheus endpoint.

Both are off unless settings name them. A collector that is away costs nothing but its own data: exports run in
threads of their own, give up after EXPORT_TIMEOUT_S, and never hold up a stage, nor its end for more than seconds.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import metrics, trace

from stream_app.telemetry.catalogue import Stage
from stream_app.telemetry.recorders import Recorder
from stream_app.telemetry.spans import MAX_LINKS, Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource

_logger = logging.getLogger(__name__)

SCOPE = "stream_app"
EXPORT_INTERVAL_S = 10.0
EXPORT_TIMEOUT_S = 3.0
PORTS_TRIED = 64
"""How many ports after the configured one may be taken: four stages of a dozen workers on one machine."""


class TelemetrySettings(Protocol):
    """What `start` wants to know; `stream_app.settings.Settings` has it."""

    @property
    def otlp_endpoint(self) -> str | None: ...
    @property
    def metrics_port(self) -> int | None: ...
    @property
    def metrics_host(self) -> str: ...


class TelemetryError(Exception):
    """The Prometheus endpoint cannot be opened; says what to set."""


@dataclass
class Telemetry:
    """What a stage holds: where to record, where to open spans, where it is scraped; `shutdown` when it ends."""

    recorder: Recorder
    spans: Spans
    tracer: trace.Tracer
    metrics_url: str | None = None
    """Where Prometheus finds this process; None when the endpoint is off."""
    _closers: list[Callable[[], object]] = field(default_factory=list)

    def shutdown(self) -> None:
        """Send what is left and close the endpoint, within about EXPORT_TIMEOUT_S; a second call does nothing."""
        closers, self._closers = self._closers, []
        # Side by side, so that a collector that hangs costs one time-out and not one for each signal.
        with ThreadPoolExecutor(max_workers=max(1, len(closers))) as pool:
            for ended in [pool.submit(close) for close in closers]:
                error = ended.exception()
                if error is not None:  # The stage has done its work; telemetry must not make its end a failure.
                    _logger.warning("telemetry did not end cleanly: %s", error)


def disabled() -> Telemetry:
    """Telemetry that records nothing, for tests and tools; what a recorder refuses is refused here too."""
    tracer = trace.NoOpTracerProvider().get_tracer(SCOPE)
    meter = metrics.NoOpMeterProvider().get_meter(SCOPE)
    return Telemetry(Recorder(meter), Spans(tracer, recording=False), tracer)


def start(settings: TelemetrySettings, stage: Stage) -> Telemetry:
    """Start the exports that settings name for one stage's process; TelemetryError where its port cannot be had.

    What is not named is not imported either: the exporters are a sixth of what a stage loads at its start.
    """
    endpoint = settings.otlp_endpoint.rstrip("/") if settings.otlp_endpoint else None
    closers: list[Callable[[], object]] = []
    readers: list[MetricReader] = []
    url: str | None = None
    if settings.metrics_port is not None:
        reader, url, close = _prometheus(settings.metrics_host, settings.metrics_port)
        readers.append(reader)
        closers.append(close)
    if endpoint:
        readers.append(_otlp_metrics(endpoint))
    meters: metrics.MeterProvider = metrics.NoOpMeterProvider()
    if readers:
        from opentelemetry.sdk.metrics import MeterProvider

        meters = real = MeterProvider(readers, _resource(stage), shutdown_on_exit=False)
        closers.append(lambda: real.shutdown(timeout_millis=EXPORT_TIMEOUT_S * 1000))
    recorder = Recorder(meters.get_meter(SCOPE))
    recorder.stage_started(stage)
    if endpoint is None:
        tracer = trace.NoOpTracerProvider().get_tracer(SCOPE)
        return Telemetry(recorder, Spans(tracer, recording=False), tracer, url, closers)
    tracer, close = _otlp_spans(endpoint, stage)
    closers.append(close)
    return Telemetry(recorder, Spans(tracer), tracer, url, closers)


def _prometheus(host: str, port: int) -> tuple[MetricReader, str, Callable[[], object]]:
    """What the endpoint reads from, where it is, and how to close it."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry

    # A registry of our own: the library's global one would double every name when a process starts a second stage.
    registry = CollectorRegistry()
    server, url = _serve(registry, host, port)
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    return reader, url, lambda: (server.shutdown(), server.server_close())


def _otlp_metrics(endpoint: str) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=EXPORT_TIMEOUT_S),
        export_interval_millis=EXPORT_INTERVAL_S * 1000,
        export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
    )


def _otlp_spans(endpoint: str, stage: Stage) -> tuple[trace.Tracer, Callable[[], object]]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    tracers = TracerProvider(
        ParentBased(ALWAYS_ON),
        _resource(stage),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_links=MAX_LINKS),
    )
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
    tracers.add_span_processor(BatchSpanProcessor(exporter))
    return tracers.get_tracer(SCOPE), tracers.shutdown


def _resource(stage: Stage) -> Resource:
    """Who speaks: without an instance two workers' counters would overwrite each other at the collector."""
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": "stream-app",
            "service.namespace": "call-evidence-stream",
            "service.instance.id": f"{stage}-{socket.gethostname()}-{os.getpid()}",
            "stream_app.stage": stage,
        }
    )


def _serve(registry: Any, host: str, port: int) -> tuple[Any, str]:
    """The endpoint's server and URL: on any free port for 0, else on the first free one from `port` on."""
    from prometheus_client import start_http_server

    last = port if port == 0 else min(port + PORTS_TRIED - 1, 65535)
    for candidate in range(port, last + 1):
        try:
            server, _thread = start_http_server(candidate, host, registry)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise TelemetryError(
                f"cannot serve metrics on {host}:{candidate} ({error.strerror or error}): "
                "set STREAM_APP_METRICS_HOST and STREAM_APP_METRICS_PORT to an address of this machine"
            ) from None
        shown = f"[{host}]" if ":" in host else host
        return server, f"http://{shown}:{server.server_address[1]}/metrics"
    raise TelemetryError(f"no free port for metrics from {port} to {last}: set STREAM_APP_METRICS_PORT to another one")
