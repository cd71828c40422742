"""Telemetry leaves the process: OTLP to a real collector, Prometheus on a port, and neither ever holds up a stage."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from typing import Any
from urllib.error import URLError

import pytest

from stream_app.settings import Settings
from stream_app.telemetry import disabled, start
from stream_app.telemetry.export import EXPORT_TIMEOUT_S, TelemetryError
from tests.telemetry.collector import collecting
from tests.telemetry.scrapes import scrape

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def settings(**values: Any) -> Settings:
    return Settings(**values)


def test_metrics_and_spans_reach_a_collector() -> None:
    with collecting() as collector:
        telemetry = start(settings(otlp_endpoint=collector.url + "/"), "seal")
        assert telemetry.metrics_url is None
        telemetry.recorder.packet_published(status="complete", reason="failed_tool_call", latency_s=0.2)
        links = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 200)]
        with telemetry.spans.seal_packet(links) as opened:
            opened.set(status="complete", reason="failed_tool_call", outcome="stored")
        with telemetry.spans.intake_accept((("traceparent", PARENT.encode()),)):
            pass
        with telemetry.spans.intake_accept(()):
            pass
        telemetry.shutdown()

    packet, accept = sorted(collector.spans(), key=lambda span: span.name, reverse=True)
    assert packet.name == "seal.packet"
    assert [int.from_bytes(link.trace_id, "big") for link in packet.links] == list(range(1, 200))
    assert accept.name == "intake.accept"
    assert accept.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert accept.parent_span_id.hex() == "b7ad6b7169203331"

    packets = collector.metric("stream_app_packets").sum
    assert packets.is_monotonic
    (point,) = packets.data_points
    assert {one.key: one.value.string_value for one in point.attributes} == {
        "status": "complete",
        "reason": "failed_tool_call",
    }
    assert point.as_int == 1
    histogram = collector.metric("stream_app_evidence_to_packet").histogram.data_points[0]
    assert histogram.count == 1
    assert (histogram.explicit_bounds[0], histogram.explicit_bounds[-1]) == (0.05, 600.0)
    resource = collector.metrics[-1].resource_metrics[0].resource
    named = {one.key: one.value.string_value for one in resource.attributes}
    assert named["service.name"] == "stream-app"
    assert named["service.instance.id"].startswith("seal-")
    assert collector.other == []


def test_two_stages_of_one_machine_are_two_instances() -> None:
    with collecting() as collector:
        for stage in ("join", "seal"):
            start(settings(otlp_endpoint=collector.url), stage).shutdown()  # type: ignore[arg-type]
    instances = {
        one.value.string_value
        for request in collector.metrics
        for one in request.resource_metrics[0].resource.attributes
        if one.key == "service.instance.id"
    }
    assert len(instances) == 2


def test_the_endpoint_serves_and_closes() -> None:
    telemetry = start(settings(metrics_port=0), "intake")
    url = telemetry.metrics_url
    assert url is not None
    assert "stream_app_stage_up" in {sample.name for sample in scrape(url)}
    telemetry.shutdown()
    telemetry.shutdown()
    with pytest.raises(URLError):
        urllib.request.urlopen(url, timeout=2)


def test_a_port_in_use_means_the_next_one() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        telemetry = start(settings(metrics_port=port), "intake")
        assert telemetry.metrics_url is not None
        found = int(telemetry.metrics_url.rsplit(":", 1)[1].split("/")[0])
        telemetry.shutdown()
    assert port < found <= port + 20


def test_a_host_that_is_not_ours_is_one_clear_message() -> None:
    with pytest.raises(TelemetryError, match="set STREAM_APP_METRICS_HOST"):
        start(settings(metrics_port=0, metrics_host="192.0.2.1"), "intake")


def test_no_settings_no_export() -> None:
    for telemetry in (start(settings(), "join"), disabled()):
        assert telemetry.metrics_url is None
        telemetry.recorder.event("call-ended", "used")
        telemetry.shutdown()


@pytest.mark.parametrize("accepts", [False, True], ids=["refuses", "hangs"])
def test_a_collector_that_is_away_does_not_hold_up_the_end(accepts: bool) -> None:
    with closing(socket.socket()) as away:
        away.bind(("127.0.0.1", 0))
        if accepts:
            away.listen()
        telemetry = start(settings(otlp_endpoint=f"http://127.0.0.1:{away.getsockname()[1]}"), "seal")
        with telemetry.spans.seal_packet([PARENT]):
            pass
        began = time.monotonic()
        telemetry.shutdown()
        assert time.monotonic() - began < EXPORT_TIMEOUT_S + 2


def test_a_process_that_forgets_to_shut_down_still_ends() -> None:
    code = (
        "from stream_app.settings import Settings; from stream_app.telemetry import start; "
        "started = start(Settings(metrics_port=0, otlp_endpoint='http://127.0.0.1:9'), 'join'); "
        "started.recorder.event('call-ended', 'used')"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, check=False).returncode == 0
