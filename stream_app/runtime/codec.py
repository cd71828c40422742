"""The only place where Faust's messages become the records that stages know."""

from __future__ import annotations

from typing import Any

from stream_app.pipeline.ports import Incoming


def incoming(event: Any, prefix: str) -> Incoming:
    """The record of a Faust event: raw bytes, topic without prefix, broker time in ms."""
    message = event.message
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Incoming(
        topic=message.topic.removeprefix(prefix),
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=round(message.timestamp * 1000),
        key=message.key,
        value=message.value,
        headers=tuple((name, bytes(value or b"")) for name, value in pairs),
    )
