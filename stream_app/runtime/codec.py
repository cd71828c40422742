"""The only place where the client's records become the records that stages know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_app.pipeline.ports import Incoming


def incoming(batch: Sequence[Any], prefix: str) -> list[Incoming]:
    """The records of one partition, in order: raw bytes, topic without prefix, broker or producer time in ms."""
    if not batch:
        return []
    topic, partition = batch[0].topic.removeprefix(prefix), batch[0].partition
    return [
        Incoming(
            topic,
            partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            tuple((name, bytes(content or b"")) for name, content in record.headers) if record.headers else (),
        )
        for record in batch
    ]
