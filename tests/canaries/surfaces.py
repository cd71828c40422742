"""The only place that takes what a deployment keeps and says down to files, surface by surface, to be looked at."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from rocksdict import AccessType, Options, Rdict

from stream_app.dev.state import Endpoints
from stream_app.runtime.client import partitions_of
from stream_app.sinks.s3 import S3ObjectStore
from stream_app.topics import INTAKE_TOPICS, PROVIDER_RECORDS
from tests.canaries.scan import keep
from tests.scenarios.live import Line
from tests.telemetry.collector import Collector

INPUTS = frozenset({*(topic.name for topic in INTAKE_TOPICS), PROVIDER_RECORDS.name})
"""Topics of the producers: what lies there is theirs."""


async def topics(line: Line, out: Path) -> list[str]:
    """Every record of every topic of this deployment, aborted ones too: keys, values, headers. Returns the topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=line.settings.kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    prefix = line.settings.topic_prefix
    try:
        names = sorted(name for name in await consumer.topics() if name.startswith(prefix))
        for name in names:
            partitions = await partitions_of(line.settings, [name])
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            surface = "inputs" if name.removeprefix(prefix) in INPUTS else f"topic {name.removeprefix(prefix)}"
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                for found in (await consumer.getmany(timeout_ms=500)).values():
                    for record in found:
                        headers = (content or b"" for _, content in record.headers)
                        keep(out, surface, "records", record.key or b"", record.value or b"", *headers)
        return names
    finally:
        await consumer.stop()


async def objects(stack: Endpoints, out: Path, buckets: Iterable[str], source: str) -> int:
    """Every object of these buckets: the producers' go to the inputs. Returns how many."""
    keys = stack.credentials["admin"]
    count = 0
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        for place in (*buckets, source):
            async for uri in store.list(f"s3://{place}/"):
                body = await store.get(uri, max_bytes=64 << 20)
                surface = "inputs" if place == source else f"store {place.partition('/')[0]}"
                keep(out, surface, "objects", uri.encode(), body)
                count += 1
    return count


def tables(line: Line, out: Path) -> int:
    """The workers' tables, file by file and row by row. The workers have stopped. Returns how many rows."""
    state = line.directory / "state"
    rows = 0
    for found in sorted(state.rglob("CURRENT")):
        place = found.parent
        shutil.copytree(place, out / "rocksdb files" / place.relative_to(state), dirs_exist_ok=True)
        database = Rdict(str(place), options=Options(raw_mode=True), access_type=AccessType.read_only())
        try:
            for key, value in database.items():
                keep(out, "rocksdb rows", "rows", bytes(key), bytes(value))
                rows += 1
        finally:
            database.close()
    return rows


def logs(line: Line, out: Path) -> None:
    """What the processes wrote."""
    for log in line.directory.glob("*.log"):
        keep(out, "logs", log.name, log.read_bytes())


def spans_and_metrics(collector: Collector, out: Path) -> None:
    """What was exported, as it was sent and as it reads."""
    for one in collector.traces:
        keep(out, "spans", "sent", one.SerializeToString(), str(one).encode())
    for sent in collector.metrics:
        keep(out, "metrics", "sent", sent.SerializeToString(), str(sent).encode())


def answers(addresses: Iterable[str], out: Path) -> int:
    """What is answered over HTTP, refusals too. Returns how many answered 200."""
    good = 0
    for address in addresses:
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                keep(out, "http", "answers", answer.read(), str(answer.headers).encode())
                good += 1
        except urllib.error.HTTPError as error:
            keep(out, "http", "answers", error.read(), str(error.headers).encode())
    return good
