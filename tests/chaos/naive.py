"""The only place for the negative control: a join as Faust's documentation shows it, at default guarantees.

A table, agents that acknowledge by themselves, sends in passing, a timer whose ticks sweep the table for deadlines; it
remembers which calls are done, and without faults it is right. It gets its events already under the call's ID, and only
has to join them. `python -m tests.chaos.naive`
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import faust

DEADLINE_S = float(os.environ.get("CHAOS_DEADLINE_S", "25"))
KINDS = {"call", "tools", "trace", "evaluation", "recording", "transcript"}


def build() -> faust.App:
    """The app; where it runs stands in the environment, like everything else of a chaos run."""
    prefix = os.environ["STREAM_APP_TOPIC_PREFIX"]
    app = faust.App(
        f"{prefix}naive",
        broker=f"kafka://{os.environ['STREAM_APP_KAFKA_BOOTSTRAP']}",
        store="rocksdb://",
        datadir=os.environ["STREAM_APP_STATE_DIR"],
        topic_partitions=3,
        table_standby_replicas=0,
        # As quick as ours to see that a worker is gone, for fairness; the rest is as it comes.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
    )
    events = app.topic(f"{prefix}naive-events", key_type=str, value_type=bytes, value_serializer="raw")
    packets = app.topic(f"{prefix}naive-packets", key_type=str, value_type=bytes, value_serializer="raw")
    ticks = app.topic(f"{prefix}naive-ticks", value_type=bytes, value_serializer="raw")
    calls = app.Table("calls", partitions=3)
    said: list[bool] = []

    async def emit(call: str, state: dict[str, Any], status: str) -> None:
        packet = {"callId": call, "status": status, "events": sorted(state["events"])}
        await packets.send(key=call, value=json.dumps(packet).encode())
        calls[call] = {"done": True}

    @app.agent(events)  # type: ignore[untyped-decorator]
    async def join(stream: Any) -> None:
        async for record in stream.events():
            event = json.loads(record.value)
            call = event["callId"]
            state = calls.get(call) or {
                "events": {}, "since": time.time(), "tools": 99, "partition": record.message.partition,
            }  # fmt: skip
            if "done" in state:
                continue
            state["events"][event["eventId"]] = event["kind"]
            state["tools"] = event.get("tools", state["tools"])
            calls[call] = state
            kinds = list(state["events"].values())
            if set(kinds) >= KINDS and kinds.count("tools") >= state["tools"]:
                await emit(call, state, "complete")

    @app.agent(ticks)  # type: ignore[untyped-decorator]
    async def sweep(stream: Any) -> None:
        async for event in stream.events():
            for call, state in list(calls.items()):
                if "done" in state or state["partition"] != event.message.partition:
                    continue
                if time.time() - state["since"] > DEADLINE_S:
                    await emit(call, state, "incomplete")

    @app.timer(1.0)  # type: ignore[untyped-decorator]
    async def tick() -> None:
        if app.rebalancing:
            return
        if not said:
            said.append(True)
            print("ready naive", flush=True)
        for partition in {state["partition"] for _, state in calls.items() if "done" not in state}:
            await ticks.send(partition=partition, value=b"{}")

    return app


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "-l", "warn", "--without-web"]
    build().main()
