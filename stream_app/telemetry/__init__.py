"""The only room for what the software says about itself: metrics, spans, trace context, and how they leave.

`catalogue` names every metric and span with its closed label sets, `recorders` are the only way to write metrics and
`spans` the only way to open a span, `propagation` carries W3C trace context through Kafka headers, `export` starts
OTLP and the Prometheus endpoint. No label ever holds an ID, a phone number or text.
"""

from __future__ import annotations

from stream_app.telemetry.catalogue import METRICS, SPANS, catalogue_markdown
from stream_app.telemetry.export import Telemetry, disabled, start
from stream_app.telemetry.propagation import extract, inject
from stream_app.telemetry.recorders import Recorder
from stream_app.telemetry.spans import Spans, packet_span

__all__ = [
    "METRICS", "SPANS", "Recorder", "Spans", "Telemetry", "catalogue_markdown", "disabled", "extract", "inject",
    "packet_span", "start",
]  # fmt: skip
