"""The only place for `python -m bench.sealing`: packets sealed per CPU-second, with rules and with the name model.

One process seals orders through the sealer, the redaction pool and the S3 client as a worker does, signed, on a real
S3 server. Kafka is left out: CPU of the sealing process and of its redaction processes is counted, the server's is not.
Each call has its own transcript of 679 words or a few more, stated to be unredacted, and a recording of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from copy import deepcopy
from pathlib import Path
from random import Random
from uuid import uuid4

import click

from bench.meter import cpu_seconds
from stream_app.core.gates.example import EXAMPLE
from stream_app.core.orders import SealOrder
from stream_app.core.packet import ProducedBy
from stream_app.demo.labelled_turns import labelled_calls
from stream_app.dev.stack import Stack
from stream_app.engines.redaction.pool import RedactionPool
from stream_app.engines.signing import Ed25519Signer
from stream_app.pipeline.ports import Effects, Incoming
from stream_app.pipeline.seal import Sealer
from stream_app.sinks.s3 import S3ObjectStore

WORDS = 679
"""Words of a call: the mean of the calls that the redaction study measured on."""
SEED = 4_407
MUST = {"rules": 30.0, "model": 5.0}
AT_ONCE = 8
_SOURCE, _PACKETS = "provider-drop", "review-packets"


def transcript(number: int, words: int = WORDS) -> bytes:
    """A transcript of at least so many words, other ones for each number."""
    turns: list[dict[str, object]] = []
    said = 0
    for call in labelled_calls(40, SEED + number):
        for turn in call:
            turns.append({"speaker": turn.speaker, "text": turn.text, "startMs": 3000 * len(turns)})
            said += len(turn.text.split())
            if said >= words:
                return json.dumps({"turns": turns}).encode()
    raise AssertionError("forty calls hold more words than one")


def order_of(call_id: str, transcript_uri: str, recording_uri: str) -> SealOrder:
    """The example's order for a call of its own, its transcript not redacted."""
    document = deepcopy(EXAMPLE["order"])
    document.update(orderId=f"{call_id}/1", canonicalCallId=call_id)
    for item in document["items"]:
        item["event"]["eventId"] = item["eventId"] = f"{call_id}-{item['eventId']}"
        if item["kind"] == "call":
            item["event"]["transcript"].update(uri=transcript_uri, redactionState="unredacted")
        if item["kind"] == "recording":
            item["event"]["reference"].update(uri=recording_uri, mediaType="audio/mpeg")
    return SealOrder.from_dict(document)


def faults(effects: list[Effects]) -> list[str]:
    """What is wrong with what was published: speed without sealed, redacted packets means nothing."""
    found = []
    for one in effects:
        topics = [send.topic for send in one.sends]
        if topics != ["packets"]:
            found.append(f"published to {', '.join(topics) or 'nothing'}")
        elif (json.loads(one.sends[0].value or b"{}").get("redaction") or {}).get("by") != "us":
            found.append("a packet does not say that its transcript was redacted here")
    return found


@click.command()
@click.option("--stack", type=click.Path(path_type=Path), default=Path(".dev"), help="The embedded stack's directory.")
@click.option("--calls", default=100, show_default=True, help="Packets a run.")
@click.option("--runs", default=3, show_default=True)
@click.option("--model/--rules", "use_model", default=False, help="With the name model, or the rules alone.")
@click.option("--words", default=WORDS, show_default=True, help="Words of a call.")
def main(stack: Path, calls: int, runs: int, use_model: bool, words: int) -> None:
    """Seal calls and print packets per CPU-second. Exit status 1 where the median misses what must be reached."""
    rates = asyncio.run(_measure(Stack(stack), calls, runs, use_model, words))
    name = "model" if use_model else "rules"
    middle = sorted(rates)[len(rates) // 2]
    click.echo(f"sealing with {name}: median {middle:.1f} packets per CPU-second (must: {MUST[name]:.0f})")
    raise SystemExit(0 if middle >= MUST[name] else 1)


async def _measure(stack: Stack, calls: int, runs: int, use_model: bool, words: int) -> list[float]:
    known = stack.up()

    def opened(identity: str) -> S3ObjectStore:
        keys = known.credentials[identity]
        return S3ObjectStore(
            endpoint_url=known.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
        )  # fmt: skip

    pool = RedactionPool(use_model=use_model, timeout_s=60.0)
    rates: list[float] = []
    try:
        async with opened("provider") as provider, opened("sealer") as store:
            await pool.warm()
            sealer = Sealer(
                store, packet_bucket=_PACKETS, raw_bucket="raw-restricted",
                source_buckets=(_SOURCE,), max_artifact_bytes=1 << 30,
                produced_by=ProducedBy(version="bench", config_sha256="0" * 64), seal_budget_ms=0,
                now=lambda: 0, steady=lambda: 0, redactor=pool, sign=Ed25519Signer.generate(),
            )  # fmt: skip
            for run in range(-1, runs):  # The first one warms up.
                count = calls if run >= 0 else 10
                orders = [await _fed(provider, run * calls + number, words) for number in range(count)]
                cpu, began = cpu_seconds([os.getpid()]), time.monotonic()
                effects = await _sealed(sealer, orders)
                cpu, wall = cpu_seconds([os.getpid()]) - cpu, time.monotonic() - began
                if wrong := faults(effects):
                    raise click.ClickException(f"nothing was measured: {wrong[0]} ({len(wrong)} of {count})")
                if run >= 0:
                    rates.append(count / cpu)
                    click.echo(f"{count} packets, {1000 * cpu / count:.1f} CPU-ms each, {count / wall:.1f} a second")
    finally:
        await pool.close()
    return rates


async def _fed(provider: S3ObjectStore, number: int, words: int) -> SealOrder:
    call = f"bench-{uuid4().hex}"
    text, sound = (f"s3://{_SOURCE}/{call}/{name}" for name in ("t.json", "a.mp3"))
    await provider.put(text, transcript(number, words), media_type="application/json")
    await provider.put(sound, Random(number).randbytes(50_000), media_type="audio/mpeg")
    return order_of(call, text, sound)


async def _sealed(sealer: Sealer, orders: list[SealOrder]) -> list[Effects]:
    room = asyncio.Semaphore(AT_ONCE)

    async def seal(number: int, order: SealOrder) -> Effects:
        async with room:
            return await sealer.handle(Incoming("seal-orders", 0, number, 0, b"k", order.to_bytes()))

    return await asyncio.gather(*(seal(number, order) for number, order in enumerate(orders)))


if __name__ == "__main__":
    main()
