"""Stages that die in the middle of their work, on a real broker: no call is lost or ordered short, and time goes on."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.core.policy import Policy
from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.audit import accounting
from tests import stories
from tests.scenarios.live import STOP_S, Line

STAGES = ("intake", "identity", "join")
CALLS = 60


def quick(**timing: Any) -> Policy:
    """The default policy with some durations of its own, ms."""
    policy = default_policy()
    changed = policy.model_copy(update={"timing": policy.timing.model_copy(update=timing)})
    return Policy.from_dict(changed.to_dict())


@pytest.fixture
def line(stack: Endpoints, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Line]:
    """Topics and policy; a test starts the workers."""
    live = Line(stack, tmp_path, quick(**request.param))
    live.create()
    try:
        yield live
    finally:
        live.end()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def records(documents: list[dict[str, Any]]) -> list[Outgoing]:
    return [Outgoing(one["type"], one["eventId"].encode(), write_json(one)) for one in documents]


def stage_process(worker: subprocess.Popen[bytes], stage: str) -> int:
    """The process that the worker runs for a stage; Linux only, as is everything that uses the stack."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    (pid,) = [
        int(child) for child in children if f"stage\0{stage}\0".encode() in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return pid


def power_cut(worker: subprocess.Popen[bytes]) -> None:
    """The supervisor and its stages, all at once and without a word."""
    stages = [stage_process(worker, stage) for stage in STAGES]
    worker.kill()
    for pid in stages:
        os.kill(pid, signal.SIGKILL)
    worker.wait()


def pieces(number: int, end: int) -> list[dict[str, Any]]:
    """One call whose systems know it by different names; nothing but the links brings them together."""
    call = f"call-{number}"
    room, egress = {"livekitRoom": f"room-{number}"}, {"livekitEgress": f"egress-{number}"}
    return [
        stories.call_ended(f"{call}-ended", call=call, end=end, aliases=room, recording=None, expectedToolCalls=1),
        stories.tool(f"{call}-tool", call=None, aliases=room, at=end, status="failed"),
        stories.artifact("recording", f"{call}-recording", call=None, aliases={**room, **egress}, at=end),
        stories.trace(f"{call}-trace", call=None, aliases=egress, traceId=f"{number:032x}", at=end),
        stories.evaluation(f"{call}-judged", call=None, aliases=room, at=end),
    ]


def last_of(orders: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Call -> its order with the highest version."""
    return {order["canonicalCallId"]: order for order in sorted(orders, key=lambda one: int(one["version"]))}


def all_have(orders: list[dict[str, Any]], *suffixes: str) -> bool:
    """Whether every call's last order holds these pieces of it."""
    last = last_of(orders)
    return len(last) == CALLS and all(
        {f"{call}-{suffix}" for suffix in suffixes} <= {item["eventId"] for item in order["items"]}
        for call, order in last.items()
    )


PIECES = ("ended", "tool", "recording", "trace", "judged")


@pytest.mark.parametrize("line", [{"settling": 500}], indirect=True)
def test_stages_killed_in_the_middle_and_a_lost_disk_lose_no_call_and_order_none_twice(line: Line) -> None:
    worker = line.start(STAGES)
    documents = [piece for number in range(CALLS) for piece in pieces(number, now_ms())]
    random.Random(3).shuffle(documents)
    third = len(documents) // 3
    for index, stage in enumerate(("join", "identity", "intake")):
        line.publish(records(documents[index * third : (index + 1) * third]))
        os.kill(stage_process(worker, stage), signal.SIGKILL)
    line.wait("seal-orders", lambda orders: all_have(orders, *PIECES), within_s=60)

    # The disk is lost as well: what the stages know must come back from the changelogs.
    power_cut(worker)
    shutil.rmtree(line.settings.state_dir)
    line.start(STAGES)
    late = [
        stories.artifact("log", f"call-{number}-log", call=None, aliases={"livekitRoom": f"room-{number}"})
        for number in range(CALLS)
    ]
    line.publish(records(late))
    orders = line.wait("seal-orders", lambda seen: all_have(seen, *PIECES, "log"), within_s=60)

    contents: dict[str, set[bytes]] = {}
    for order in orders:
        contents.setdefault(order["orderId"], set()).add(write_json(order))
    assert {order_id for order_id, found in contents.items() if len(found) > 1} == set()
    assert all(order["missing"] == [] and order["completedBy"] == "all_evidence" for order in last_of(orders).values())
    assert all(order["version"] > 1 for order in last_of(orders).values()), "what was ordered before was forgotten"
    assert line.read("dead-letters") == []
    account = asyncio.run(accounting(line.settings))
    assert account.positions == len(documents) + len(late)
    assert (account.unaccounted, account.twice) == ([], [])


@pytest.mark.parametrize(
    "line", [{"deadline": 9000, "soft": (1000,), "tool_settle": 500, "settling": 500}], indirect=True
)
def test_a_lone_call_on_a_silent_broker_meets_its_deadline_across_a_restart_without_input(line: Line) -> None:
    worker = line.start(STAGES)
    end = now_ms()
    line.publish(records([stories.call_ended(end=end), stories.evaluation(at=end, failed=True)]))
    (stuck,) = line.wait("join-alerts", lambda alerts: len(alerts) >= 1, within_s=15)
    assert (stuck["kind"], [gap["kind"] for gap in stuck["missing"]]) == ("stuck", ["trace"])
    assert line.read("seal-orders") == []

    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(STOP_S) == 0
    assert time.monotonic() - began < line.settings.drain_s + 7, "a stop must end within its grace"
    line.start(STAGES)
    (order,) = line.wait("seal-orders", lambda orders: len(orders) >= 1, within_s=30)
    assert order["completedBy"] == "deadline"
    assert [(gap["kind"], gap["reason"]) for gap in order["missing"]] == [("trace", "never_seen")]
    assert order["unreadSources"] == []
    alerts = line.wait("join-alerts", lambda seen: len(seen) >= 2, within_s=5)
    assert [(alert["kind"], alert["state"]) for alert in alerts] == [("stuck", "firing"), ("timed_out", "firing")]
