"""The same log gives the same orders byte for byte, timeouts included; with the same sources, the same manifests."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import get_session

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.runtime import admin
from stream_app.runtime.client import read_topic
from tests import deployments, stories
from tests.scenarios.scene import Scene, failing, now_ms, records, whole

TIMING = {
    "deadline": "6s",
    "soft": "[2s]",
    "toolSettle": "500ms",
    "settling": "1s",
    "reasonGrace": "2s",
    "orphan": "4s",
}
CALLS = 30


@pytest.fixture(scope="module")
def first(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A line at rest that saw everything: whole calls, timeouts, orphans, late evidence, conflicts, a crash."""
    scene = Scene(stack, tmp_path_factory.mktemp("first"), TIMING)
    scene.create()
    scene.put_transcript()
    try:
        scene.start()
        tell(scene)
        yield scene
    finally:
        scene.end()


def tell(scene: Scene) -> None:
    """The story, with a power cut in the middle of it."""
    end = now_ms()
    events: list[dict[str, Any]] = []
    for number in range(CALLS):
        match number % 5:
            case 0 | 1:
                events += whole(number, end)
            case 2:
                events += failing(number, end)
            case 3:  # Nobody ever says that it ended.
                call = f"call-{number}"
                events.append(stories.tool(f"{call}-tool", call=call, at=end, status="failed"))
            case _:  # Nothing is wrong with it; the report comes later.
                events += [*whole(number, end)[:1], stories.evaluation(f"fine-{number}", call=f"call-{number}", at=end)]
    seen = records(events)
    random.Random(11).shuffle(seen)
    scene.publish(seen[: len(seen) // 2])
    time.sleep(0.5)
    scene.power_cut()
    scene.publish([*seen[len(seen) // 2 :], *seen[:10]])
    scene.start()
    expected = CALLS - CALLS // 5
    scene.wait("seal-orders", lambda orders: len({one["orderId"] for one in orders}) >= expected, within_s=90)
    late: list[dict[str, Any]] = []
    for number in range(CALLS):
        call = f"call-{number}"
        match number % 5:
            case 0:
                late.append(stories.artifact("log", f"{call}-log", call=call, at=end))
            case 1:
                late.append(stories.evaluation(f"{call}-judged", call=call, at=end, failed=True, score=0.25))
            case 2:
                late.append(stories.evaluation(f"{call}-judged", call=call, at=end))
            case 3:
                pass
            case _:
                late.append(stories.event("call-reported", f"{call}-report", call=call, at=now_ms(), channel="phone"))
    scene.publish_events(late)
    wanted = expected + 3 * (CALLS // 5) + CALLS // 5
    scene.wait("packets", lambda packets: len(packets) >= wanted, within_s=90)
    time.sleep(3)


def test_the_story_holds_what_it_is_to_prove(first: Scene) -> None:
    orders = first.read("seal-orders")
    assert {one["completedBy"] for one in orders} >= {"all_evidence", "deadline", "orphan_deadline"}
    assert {one["supersedes"]["reason"] for one in orders if one["supersedes"]} >= {"late_evidence", "conflict"}
    packets = first.read("packets")
    assert {"complete", "incomplete", "blocked"} <= {one["status"] for one in packets}
    assert len(packets) == len(orders)


def test_the_log_folded_anew_gives_every_order_byte_for_byte(first: Scene) -> None:
    environment = deployments.clean_environment(**first.environment)
    shown = deployments.run(environment, "audit", "--replay", "--json")
    document = json.loads(shown.stdout)
    assert document["replay"]["matched"] == len(first.read("seal-orders"))
    assert {
        name: found for name, found in document["replay"].items() if found and name not in ("matched", "records")
    } == {}
    assert document["matching"]["unmarked"] == document["matching"]["repeated"] == document["matching"]["doubled"] == []
    assert shown.returncode == 0, shown.stdout


def test_one_changed_byte_of_evidence_is_found(first: Scene, stack: Endpoints, tmp_path: Path) -> None:
    evidence = read(first, "evidence")
    number = next(index for index, one in enumerate(evidence) if b'"call-0-judged"' in (one.value or b""))
    one = evidence[number]
    value = (one.value or b"").replace(b'"score":0.5', b'"score":0.6')
    assert value != one.value
    evidence[number] = Incoming(one.topic, one.partition, one.offset, one.timestamp_ms, one.key, value)
    other = Scene(stack, tmp_path, TIMING)
    try:
        asyncio.run(admin.apply(other.settings))
        copy(other, evidence)
        copy(other, read(first, "seal-orders"))
        environment = deployments.clean_environment(**other.environment)
        shown = deployments.run(environment, "audit", "--replay", "--json")
    finally:
        other.end()
    assert shown.returncode == 1
    found = json.loads(shown.stdout)["replay"]
    assert [name.partition(" ")[0] for name in found["differing"]] == ["call-0/1", "call-0/2"]
    assert found["missing"] == found["unexpected"] == found["disordered"] == []
    assert found["matched"] == len(first.read("seal-orders")) - 2


def test_an_empty_environment_fed_with_the_log_gives_the_same_orders_and_manifests(
    first: Scene, stack: Endpoints, tmp_path: Path
) -> None:
    sealed = objects(stack, first)
    assert sum("manifest" in uri for uri in sealed) == len(first.read("packets"))
    packets = by_id(first.read("packets"))
    orders = first.values("seal-orders")
    first.stop()
    remove(stack, first)
    assert objects(stack, first) == {}

    second = Scene(stack, tmp_path, TIMING, packet_bucket=first.settings.packet_bucket)
    asyncio.run(admin.apply(second.settings))
    copy(second, read(first, "evidence"))
    try:
        second.start(("join", "seal"))
        second.wait("packets", lambda seen: len(seen) >= len(packets), within_s=120)
        time.sleep(2)
        assert second.values("seal-orders") == orders
        assert by_id(second.read("packets")) == packets
        again = objects(stack, second)
    finally:
        second.end()
    assert {uri for uri in sealed if "probe" not in uri} == {uri for uri in again if "probe" not in uri}
    assert [uri for uri in sealed if "probe" not in uri and sealed[uri] != again[uri]] == []


def read(scene: Scene, topic: str) -> list[Incoming]:
    """Every committed record of a topic."""

    async def main() -> list[Incoming]:
        return [record async for record in read_topic(scene.settings, topic)]

    return asyncio.run(main())


def copy(scene: Scene, found: list[Incoming]) -> None:
    """Write the records into the same partitions in the same order."""
    scene.publish([Outgoing(one.topic, one.key, one.value, one.headers, one.partition) for one in found])


def by_id(packets: list[dict[str, Any]]) -> dict[str, bytes]:
    """Packet ID -> its JSON."""
    return {one["packetId"]: write_json(one) for one in packets}


@asynccontextmanager
async def _s3(stack: Endpoints) -> AsyncIterator[Any]:
    keys = stack.credentials["admin"]
    async with get_session().create_client(
        "s3", endpoint_url=stack.s3_endpoint, aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key, region_name="us-east-1",
    ) as client:  # fmt: skip
        yield client


async def _keys(client: Any, bucket: str, prefix: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    return [one["Key"] async for page in pages for one in page.get("Contents", ())]


def objects(stack: Endpoints, scene: Scene) -> dict[str, bytes]:
    """Key -> content of everything the line has stored."""
    bucket, _, prefix = scene.settings.packet_bucket.partition("/")

    async def main() -> dict[str, bytes]:
        async with _s3(stack) as client:
            found = {}
            for key in await _keys(client, bucket, prefix):
                answer = await client.get_object(Bucket=bucket, Key=key)
                found[key] = await answer["Body"].read()
            return found

    return asyncio.run(main())


def remove(stack: Endpoints, scene: Scene) -> None:
    """Empty the line's part of the bucket, as nobody with the line's own keys could."""
    bucket, _, prefix = scene.settings.packet_bucket.partition("/")

    async def main() -> None:
        async with _s3(stack) as client:
            for key in await _keys(client, bucket, prefix):
                await client.delete_object(Bucket=bucket, Key=key)

    asyncio.run(main())
