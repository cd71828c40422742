"""The ceiling: a hand-written consumer, the join in a dict, no durable state, no changelog, no transaction."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer

COMMIT_S = 1.0


def main() -> None:
    """Join until SIGTERM."""
    bootstrap = os.environ["BENCH_BOOTSTRAP"]
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": os.environ["BENCH_GROUP"], "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "isolation.level": "read_committed",
    })  # fmt: skip
    producer = Producer({
        "bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000,
        "message.max.bytes": 8 << 20,
    })  # fmt: skip
    consumer.subscribe([os.environ["BENCH_INPUT"]])
    output = os.environ["BENCH_OUTPUT"]
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    open_calls: dict[bytes, dict[str, Any]] = {}
    done: set[bytes] = set()
    committed, dirty = time.monotonic(), False
    while not stopping:
        for message in consumer.consume(2000, 0.2):
            if message.error():
                raise RuntimeError(message.error())
            dirty = True
            key, value = message.key(), message.value()
            if key in done:
                continue
            event = orjson.loads(value)["event"]
            call = open_calls.setdefault(key, {"events": {}, "tools": 0, "expected": None, "evaluated": False})
            if event["eventId"] in call["events"]:
                continue
            call["events"][event["eventId"]] = value
            match event["type"]:
                case "call-ended":
                    call["expected"] = event["expectedToolCalls"]
                case "tool-call":
                    call["tools"] += 1
                case "evaluation-completed":
                    call["evaluated"] = True
            if call["evaluated"] and call["expected"] is not None and call["tools"] >= call["expected"]:
                while True:
                    try:
                        producer.produce(output, key=key, value=order(key, call["events"]))
                        break
                    except BufferError:
                        producer.poll(0.1)
                del open_calls[key]
                done.add(key)
        producer.poll(0)
        if dirty and time.monotonic() - committed > COMMIT_S:
            producer.flush()
            consumer.commit(asynchronous=False)
            committed, dirty = time.monotonic(), False
    consumer.close()


def order(key: bytes, events: dict[str, bytes]) -> bytes:
    """The order, its evidence as the bytes that came."""
    head = {
        "schemaVersion": 1, "orderId": f"{key.decode()}/1", "canonicalCallId": key.decode(), "version": 1,
        "completedBy": "all_evidence", "evidence": sorted(events),
    }  # fmt: skip
    return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(events.values()) + b"]}"


if __name__ == "__main__":
    main()
