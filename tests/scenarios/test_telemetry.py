"""A real worker of all stages and the contract's call: what it says of itself is true, linked, and about nobody."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.client import Publisher, read_topic
from stream_app.settings import STAGES, Settings
from stream_app.sinks.s3 import S3ObjectStore
from stream_app.telemetry.catalogue import metric_named
from stream_app.topics import PACKETS, PACKETS_RESTRICTED
from tests.examples import AUDIO_URI, TRANSCRIPT, TRANSCRIPT_URI, contract_events
from tests.telemetry.collector import collecting
from tests.telemetry.scrapes import leaks, scrape

ROOT = Path(__file__).parents[2]
BAD = b'{"eventId": "call me at +49 30 1234567", '


def recording() -> bytes:
    """199 s of stereo silence at 8 kHz: as long and as large as the contract says."""
    body = io.BytesIO()
    with wave.open(body, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(199 * 8000 * 4))
    return body.getvalue()


def traceparent(number: int) -> str:
    """The sampled context of the producer of input `number`."""
    return f"00-{number:032x}-{number:016x}-01"


def free_ports(count: int) -> int:
    """The first of `count` neighbouring free ports."""
    for first in range(21_000, 60_000, count):
        try:
            for port in range(first, first + count):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


@contextmanager
def working(environment: dict[str, str]) -> Iterator[None]:
    """A worker of all stages, from the moment every one is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "worker"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        ready: set[str] = set()
        for line in process.stdout:
            ready.update(stage for stage in STAGES if line.split()[:2] == ["ready", stage])
            if ready == set(STAGES):
                break
        assert ready == set(STAGES)
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()


async def play(settings: Settings, stack: Endpoints) -> list[dict[str, Any]]:
    """Put the artifacts, send the contract's inputs and a broken record; returns the inputs."""
    keys = stack.credentials["provider"]
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        await store.put(TRANSCRIPT_URI, TRANSCRIPT, media_type="application/json")
        await store.put(AUDIO_URI, recording(), media_type="audio/wav")
    inputs = [event for _, event in contract_events()]
    async with Publisher(settings) as publisher:
        await publisher.send_all(
            [
                Outgoing(event["type"], b"k", write_json(event), (("traceparent", traceparent(number).encode()),))
                for number, event in enumerate(inputs, 1)
            ]
        )
        await publisher.send_all([Outgoing("call-ended", b"k", BAD)])
    return inputs


async def first_packet(settings: Settings, within_s: float) -> bytes:
    """The first packet that leaves, on either topic."""
    until = time.monotonic() + within_s
    async for record in read_topic(
        settings, PACKETS.name, PACKETS_RESTRICTED.name, follow=True, stop=lambda: time.monotonic() > until
    ):
        return record.value or b""
    raise AssertionError(f"no packet within {within_s} s")


def test_what_a_worker_says_of_itself(stack: Endpoints, tmp_path: Path) -> None:
    port = free_ports(len(STAGES))
    with collecting() as collector:
        environment = {
            **os.environ,
            **stack.environment(),
            "STREAM_APP_TOPIC_PREFIX": f"telemetry-{uuid.uuid4().hex[:8]}-",
            "STREAM_APP_STATE_DIR": str(tmp_path),
            "STREAM_APP_METRICS_PORT": str(port),
            "STREAM_APP_OTLP_ENDPOINT": collector.url,
        }
        settings = Settings(kafka_bootstrap=stack.kafka_bootstrap, topic_prefix=environment["STREAM_APP_TOPIC_PREFIX"])
        subprocess.run(
            [sys.executable, "-m", "stream_app", "topics", "apply"], cwd=ROOT, env=environment, check=True, timeout=120
        )
        with working(environment):
            inputs = asyncio.run(play(settings, stack))
            packet = asyncio.run(first_packet(settings, 90))
            time.sleep(6)  # Gauges are set every few seconds.
            samples = [
                sample
                for number in range(len(STAGES))
                for sample in scrape(f"http://127.0.0.1:{port + number}/metrics")
            ]

    def total(name: str, **labels: str) -> float:
        metric_named(name.removesuffix("_count"))
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    assert b"call_2026_06_03_1842" in packet
    assert list(leaks(samples)) == []
    for stage in STAGES:
        assert total("stream_app_stage_up", stage=stage) == 1
    assert total("stream_app_packets_total") == total("stream_app_evidence_to_packet_seconds_count") == 1
    assert total("stream_app_packets_total", status="complete", reason="failed_tool_call") == 1
    assert total("stream_app_seal_orders_total", completed_by="all_evidence") == 1
    assert total("stream_app_dead_letters_total", stage="intake", reason="not_json") == 1
    assert total("stream_app_dead_letters_total") == 1
    for type_ in {event["type"] for event in inputs}:
        sent = sum(event["type"] == type_ for event in inputs)
        assert total("stream_app_events_total", type=type_, disposition="used") == sent, type_

    spans = collector.spans()
    (sealed,) = [span for span in spans if span.name == "seal.packet"]
    assert {int.from_bytes(link.trace_id, "big") for link in sealed.links} == set(range(1, len(inputs) + 1))
    for name in ("intake.accept", "join.fold"):
        continued = {int.from_bytes(span.trace_id, "big") for span in spans if span.name == name}
        assert continued == set(range(1, len(inputs) + 1)), name
    for request in collector.traces:
        assert b"1234567" not in request.SerializeToString()
        assert b"CA0f1e2d3c" not in request.SerializeToString()
    for export in collector.metrics:
        assert b"call_2026" not in export.SerializeToString()
