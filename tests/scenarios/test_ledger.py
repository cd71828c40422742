"""The ledger on a real broker: each packet in one entry, whatever is killed in between, and nothing gone unseen."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from stream_app.core.attestation import TrustedKey
from stream_app.core.canonical import canonical_bytes
from stream_app.core.ledger import HOUR_MS
from stream_app.core.ledger_chain import InCopy, judge
from stream_app.dev.state import Endpoints
from stream_app.engines.signing import Ed25519Signer, check
from stream_app.runtime.client import read_topic
from stream_app.topics import LEDGER
from tests.scenarios.live import Line

HOURS, EACH = 5, 120
PACKETS = HOURS * EACH


async def packets_of(line: Line, first_hour: int) -> None:
    """Packets as the sealer publishes them, over hours that are past."""
    producer = AIOKafkaProducer(bootstrap_servers=line.settings.kafka_bootstrap)
    await producer.start()
    try:
        for number in range(PACKETS):
            value = {"packetId": f"call-{number}/1", "manifestHash": f"sha256:{number:064x}"}
            at = first_hour + number // EACH * HOUR_MS + number % EACH
            await producer.send(
                line.settings.topic("packets"), canonical_bytes(value), partition=number % 2, timestamp_ms=at
            )
            if number % 20 == 0:
                await producer.flush()
                await asyncio.sleep(0.1)
    finally:
        await producer.stop()


async def entries_of(line: Line) -> list[bytes]:
    return [record.value or b"" async for record in read_topic(line.settings, LEDGER.name, start="beginning")]


def test_every_packet_stands_in_one_entry_through_kills_and_a_lost_disk(stack: Endpoints, tmp_path: Path) -> None:
    signer = Ed25519Signer.generate()
    key = tmp_path / "key.pem"
    key.write_bytes(signer.to_pem())
    line = Line(stack, tmp_path, STREAM_APP_SIGNING="required", STREAM_APP_SIGNING_KEY_FILE=str(key))
    line.create()
    dice = random.Random(7)
    now = time.time_ns() // 1_000_000
    first_hour = now - now % HOUR_MS - (HOURS + 2) * HOUR_MS

    async def under_fire() -> None:
        writing = asyncio.create_task(packets_of(line, first_hour))
        for kill in range(3):
            await asyncio.to_thread(line.start, ("ledger",))
            await asyncio.sleep(dice.uniform(0.2, 2.0))
            line.power_cut()
            if kill == 1:
                for file in sorted((tmp_path / "state").rglob("*"), reverse=True):
                    file.unlink() if file.is_file() or file.is_symlink() else file.rmdir()
        await writing

    try:
        asyncio.run(under_fire())
        line.start(("ledger",))

        def all_there(found: list[dict[str, Any]]) -> bool:
            return sum(entry["packets"] for entry in found) >= PACKETS

        line.wait(LEDGER.name, all_there, 60)
        records = asyncio.run(entries_of(line))
    finally:
        line.end()
    trusted = (TrustedKey(signer.key_id, signer.public_key),)
    packets = [InCopy(f"call-{number}/1", f"sha256:{number:064x}", 0) for number in range(PACKETS)]
    verdict = judge(records, trusted, check, packets=packets)
    assert verdict.problems == ()
    documents = [json.loads(record) for record in records]
    assert sum(one["packets"] for one in documents) == PACKETS, "each once"
    assert len({(one["partition"], one["hour"]) for one in documents}) == 2 * HOURS
    without = judge(records[1:], trusted, check, packets=packets)
    assert without.problems, "and the judge can tell"
