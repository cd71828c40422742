"""A batch of the client's records becomes the records that stages know: bytes as they came, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from stream_app.pipeline.ports import Incoming
from stream_app.runtime.codec import incoming


def fetched(
    value: bytes | None = b"{}",
    *,
    key: bytes | None = b"k",
    headers: Any = (),
    topic: str = "dev-tool-call",
    offset: int = 41,
    timestamp: int = 1_780_000_000_123,
) -> ConsumerRecord[bytes | None, bytes | None]:
    """A record as the client library hands it over."""
    return ConsumerRecord(topic, 3, offset, timestamp, 1, key, value, None, 0, 0, headers)


def one(record: Any, prefix: str = "") -> Incoming:
    (made,) = incoming([record], prefix)
    return made


def test_a_record_keeps_its_position_time_key_and_bytes() -> None:
    assert one(fetched(headers=(("traceparent", b"00-1"),)), "dev-") == Incoming(
        "tool-call", 3, 41, 1_780_000_000_123, b"k", b"{}", (("traceparent", b"00-1"),)
    )


def test_a_batch_keeps_its_order_and_every_records_own_offset_and_time() -> None:
    base = 1_780_000_000_000
    batch = [fetched(b"%d" % n, offset=40 + 2 * n, timestamp=base + n) for n in range(1000)]
    made = incoming(batch, "dev-")
    assert [record.offset for record in made] == [40 + 2 * n for n in range(1000)]
    assert [record.timestamp_ms for record in made] == [base + n for n in range(1000)], "every millisecond survives"
    assert [record.value for record in made] == [b"%d" % n for n in range(1000)]
    assert {(record.topic, record.partition) for record in made} == {("tool-call", 3)}


def test_no_records_are_no_records() -> None:
    assert incoming([], "dev-") == []


@pytest.mark.parametrize("value", [None, b"", b"\x00\xff\xfe", b"not json", b"x" * (5 << 20)])
def test_values_pass_as_they_are(value: bytes | None) -> None:
    assert one(fetched(value, key=None)).value is value
    assert one(fetched(value, key=None)).key is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, ()),
        ((), ()),
        ([("a", b"1"), ("a", b"2")], (("a", b"1"), ("a", b"2"))),
        ([("a", None)], (("a", b""),)),
        ([("a", bytearray(b"1"))], (("a", b"1"),)),
    ],
)
def test_headers_keep_order_and_repeats(headers: Any, expected: Sequence[tuple[str, bytes]]) -> None:
    made = one(fetched(headers=headers)).headers
    assert made == tuple(expected)
    assert all(type(content) is bytes for _, content in made)


def test_only_the_configured_prefix_is_taken_off() -> None:
    assert one(fetched(topic="dev-dev-evidence"), "dev-").topic == "dev-evidence"
    assert one(fetched(topic="evidence"), "dev-").topic == "evidence"
