"""A real line for scenarios: own topics, a worker process of all stages, and short ways to publish, wait and look."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime import admin, policies
from stream_app.runtime.client import Publisher, Written, read_topic
from stream_app.settings import STAGES, Settings
from stream_app.sinks.s3 import S3ObjectStore

ROOT = Path(__file__).parents[2]
READY_S = 120.0
"""On a machine with much else to do, starting four processes takes most of a minute."""
STOP_S = 25.0


class Line:
    """One deployment in the test stack. Its processes are stopped by `stop`, or by `end` with its topics."""

    def __init__(self, stack: Endpoints, directory: Path, policy: Policy | None = None, **more: str) -> None:
        """`more`: further variables of the workers' environment."""
        self.stack = stack
        self.directory = directory
        self.policy = policy or default_policy()
        prefix = f"t{uuid.uuid4().hex[:8]}"
        self.environment = {
            **stack.environment(),
            "STREAM_APP_TOPIC_PREFIX": f"{prefix}.",
            "STREAM_APP_STATE_DIR": str(directory / "state"),
            "STREAM_APP_PACKET_BUCKET": f"review-packets/{prefix}",
            "STREAM_APP_INTERNAL_PARTITIONS": "2",
            "STREAM_APP_INPUT_PARTITIONS": "2",
            "STREAM_APP_SESSION_TIMEOUT_S": "6",
            **more,
        }
        values = {name.removeprefix("STREAM_APP_").lower(): value for name, value in self.environment.items()}
        self.settings = Settings(**values)  # type: ignore[arg-type]
        self._workers: list[subprocess.Popen[bytes]] = []

    def create(self) -> None:
        """Topics, and the policy in force."""
        asyncio.run(admin.apply(self.settings))
        asyncio.run(policies.activate(self.settings, self.policy))

    def start(self, stages: Sequence[str] = STAGES, checkout: Path | None = None) -> subprocess.Popen[bytes]:
        """A worker process, of another checkout with a virtual environment where one is given; returns when each of
        its stages is ready."""
        python = sys.executable if checkout is None else str(checkout / ".venv/bin/python")
        log = self.directory / f"worker-{len(self._workers)}.log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [python, "-m", "stream_app", "worker", "--stages", ",".join(stages)],
                cwd=checkout or ROOT, env={**os.environ, **self.environment}, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._workers.append(worker)
        until = time.monotonic() + READY_S
        while not all(f"ready {stage}".encode() in log.read_bytes() for stage in stages):
            assert worker.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < until, log.read_text(errors="replace")[-2000:]
            time.sleep(0.1)
        return worker

    def stop(self) -> None:
        """Stop every worker, gently and then not."""
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self._workers:
            try:
                worker.wait(STOP_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def power_cut(self) -> None:
        """Every worker and its stages, all at once and without a word."""
        alive = [worker for worker in self._workers if worker.poll() is None]
        stages = [pid for worker in alive for pid in _children(worker.pid)]
        for worker in alive:
            worker.kill()
        for pid in stages:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for worker in alive:
            worker.wait()

    def end(self) -> None:
        """The test is over: nobody waits for a gentle stop, and no topic is left to slow the broker for the others."""
        self.power_cut()

        async def remove() -> None:
            admin_client = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap)
            try:
                await admin_client.start()
                mine = [
                    name for name in await admin_client.list_topics() if name.startswith(self.settings.topic_prefix)
                ]
                if mine:
                    await admin_client.delete_topics(mine)
            finally:
                await admin_client.close()

        asyncio.run(remove())

    def publish(self, records: Sequence[Outgoing]) -> list[Written]:
        """Write records as producers would; returns where they stand."""

        async def send() -> list[Written]:
            async with Publisher(self.settings) as publisher:
                return await publisher.send_all(records)

        return asyncio.run(send())

    def put(self, uri: str, body: bytes, media_type: str) -> None:
        """Store an artifact as its provider would."""
        keys = self.stack.credentials["provider"]

        async def put() -> None:
            async with S3ObjectStore(
                endpoint_url=self.stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
            ) as store:
                await store.put(uri, body, media_type=media_type)

        asyncio.run(put())

    def read(self, topic: str) -> list[dict[str, Any]]:
        """Every record of a topic as of now, as JSON."""

        async def read() -> list[dict[str, Any]]:
            return [read_json(record.value or b"null") async for record in read_topic(self.settings, topic)]

        return asyncio.run(read())

    def wait(self, topic: str, enough: Callable[[list[dict[str, Any]]], bool], within_s: float = 40.0) -> list[Any]:
        """The topic's records once `enough` says so; what is there when time is up fails the test."""
        until = time.monotonic() + within_s
        while True:
            records = self.read(topic)
            if enough(records):
                return records
            assert time.monotonic() < until, f"after {within_s} s {topic} holds {len(records)}: {records[-3:]}"
            time.sleep(0.3)


def _children(pid: int) -> list[int]:
    """The stages of a worker; Linux only, as is everything that uses the stack."""
    with suppress(FileNotFoundError):  # It has just ended by itself.
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
