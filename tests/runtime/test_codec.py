"""Faust's message becomes the record that stages know: bytes as they came, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import Message

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.codec import incoming


def event(
    value: bytes | None = b"{}", *, key: bytes | None = b"k", headers: Any = None, topic: str = "dev-tool-call"
) -> SimpleNamespace:
    message = Message(topic, 3, 41, 1_780_000_000.123, 1, headers, key, value, None)
    return SimpleNamespace(message=message)


def test_a_record_keeps_its_position_time_key_and_bytes() -> None:
    assert incoming(event(headers=[("traceparent", b"00-1")]), "dev-") == Incoming(
        "tool-call", 3, 41, 1_780_000_000_123, b"k", b"{}", (("traceparent", b"00-1"),)
    )


def test_every_millisecond_of_a_second_survives() -> None:
    base = 1_780_000_000_000
    for ms in range(1000):
        made = event()
        made.message.timestamp = (base + ms) / 1000.0  # As Faust makes it of the broker's time.
        assert incoming(made, "").timestamp_ms == base + ms


@pytest.mark.parametrize("value", [None, b"", b"\x00\xff\xfe", b"not json", b"x" * (5 << 20)])
def test_values_pass_as_they_are(value: bytes | None) -> None:
    assert incoming(event(value, key=None), "").value is value
    assert incoming(event(value, key=None), "").key is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, ()),
        ([], ()),
        ([("a", b"1"), ("a", b"2")], (("a", b"1"), ("a", b"2"))),
        ({"a": b"1"}, (("a", b"1"),)),
        ([("a", None)], (("a", b""),)),
    ],
)
def test_headers_keep_order_and_repeats(headers: Any, expected: Sequence[tuple[str, bytes]]) -> None:
    assert incoming(event(headers=headers), "").headers == tuple(expected)


def test_only_the_configured_prefix_is_taken_off() -> None:
    assert incoming(event(topic="dev-dev-evidence"), "dev-").topic == "dev-evidence"
    assert incoming(event(topic="evidence"), "dev-").topic == "evidence"
