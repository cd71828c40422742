"""Faust as its documentation shows a join: an agent, a table, JSON values, `await topic.send` when all is there."""

from __future__ import annotations

import os
from typing import Any

import faust

app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    store="rocksdb://",
    datadir=os.environ["BENCH_STATE_DIR"],
    topic_partitions=4,
    topic_replication_factor=1,
    value_serializer="json",
)
evidence = app.topic(os.environ["BENCH_INPUT"], key_type=str, key_serializer="raw", value_serializer="json")
orders = app.topic(os.environ["BENCH_OUTPUT"], key_type=str, key_serializer="raw", value_serializer="json")
calls = app.Table("calls", partitions=4, key_type=str)


@app.agent(evidence)
async def join(records: Any) -> None:
    """Fold each record into its call."""
    async for key, record in records.items():
        event = record["event"]
        call = calls.get(key) or {"items": {}, "done": False}
        if call["done"] or event["eventId"] in call["items"]:
            continue
        call["items"][event["eventId"]] = record
        events = [item["event"] for item in call["items"].values()]
        expected = next((one["expectedToolCalls"] for one in events if one["type"] == "call-ended"), None)
        tools = sum(one["type"] == "tool-call" for one in events)
        evaluated = any(one["type"] == "evaluation-completed" for one in events)
        if evaluated and expected is not None and tools >= expected:
            order = {
                "schemaVersion": 1, "orderId": f"{key}/1", "canonicalCallId": key, "version": 1,
                "completedBy": "all_evidence", "evidence": sorted(call["items"]),
                "items": list(call["items"].values()),
            }  # fmt: skip
            await orders.send(key=key, value=order)
            call = {"items": {}, "done": True}
        calls[key] = call


if __name__ == "__main__":
    app.main()
