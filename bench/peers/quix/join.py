"""Quix Streams: a stateful callback; the state of a call is the bytes that came, joined, never encoded anew."""

from __future__ import annotations

import os
from typing import Any

import orjson
from quixstreams import Application
from quixstreams.models import TopicConfig

SEPARATOR = b"\x1e"
DONE = b"D"


def order(key: bytes, ids: list[str], fragments: list[bytes]) -> bytes:
    """The order, its evidence as the bytes that came."""
    head = {
        "schemaVersion": 1, "orderId": f"{key.decode()}/1", "canonicalCallId": key.decode(), "version": 1,
        "completedBy": "all_evidence", "evidence": sorted(ids),
    }  # fmt: skip
    return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(fragments) + b"]}"


def join(value: bytes, key: bytes, _timestamp: int, _headers: Any, state: Any) -> bytes | None:
    """Fold one record into its call; the order once the call is complete.

    Before each fragment stands a head, `type|expected tools|event ID|`, so that no stored fragment is parsed again.
    """
    row = state.get_bytes("row")
    if row == DONE:
        return None
    event = orjson.loads(value)["event"]
    kind, event_id = event["type"], event["eventId"]
    head = f"{kind}|{event['expectedToolCalls'] if kind == 'call-ended' else ''}|{event_id}|".encode()
    parts = row.split(SEPARATOR) if row else []
    expected: int | None = None
    tools, evaluated = 0, False
    ids: list[str] = []
    fragments: list[bytes] = []
    for part in (*parts, head + value):
        known_kind, known_expected, known_id, fragment = part.split(b"|", 3)
        if known_id.decode() in ids:
            return None
        ids.append(known_id.decode())
        fragments.append(fragment)
        if known_kind == b"call-ended":
            expected = int(known_expected)
        elif known_kind == b"tool-call":
            tools += 1
        else:
            evaluated = True
    if evaluated and expected is not None and tools >= expected:
        state.set_bytes("row", DONE)
        return order(key, ids, fragments)
    state.set_bytes("row", SEPARATOR.join((*parts, head + value)))
    return None


def main() -> None:
    """Join until SIGTERM (which Quix Streams handles)."""
    application = Application(
        broker_address=os.environ["BENCH_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_STATE_DIR"],
        commit_interval=1.0,
        consumer_poll_timeout=0.05,
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 20, "message.max.bytes": 8 << 20},
        processing_guarantee="at-least-once",
    )
    existing = TopicConfig(num_partitions=4, replication_factor=1)
    source = application.topic(
        os.environ["BENCH_INPUT"], value_deserializer="bytes", key_deserializer="bytes", config=existing
    )
    target = application.topic(
        os.environ["BENCH_OUTPUT"], value_serializer="bytes", key_serializer="bytes", config=existing
    )
    frame = application.dataframe(source)
    frame = frame.apply(join, stateful=True, metadata=True)
    frame = frame.filter(lambda value: value is not None)
    frame.to_topic(target)
    application.run()


if __name__ == "__main__":
    main()
