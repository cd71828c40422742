"""Packets become entries: by the hour, when full, when quiet; each record once, whatever is begun anew in between."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.canonical import canonical_bytes
from stream_app.core.ledger import HOUR_MS, MAX_PACKETS
from stream_app.core.ledger_chain import InCopy, judge
from stream_app.engines.signing import check
from stream_app.pipeline.ledger import GRACE_MS, LedgerPartition
from stream_app.pipeline.ports import NOTHING, Effects, Incoming
from stream_app.runtime.memory_rows import MemoryRows
from tests.tools.sealed_copy import SIGNER, TRUSTED

NOW = 1000 * HOUR_MS


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


def record(offset: int, at: int = NOW, call: str | None = None, value: bytes | None = None) -> Incoming:
    body = canonical_bytes({"packetId": f"{call or f'call-{offset}'}/1", "manifestHash": "sha256:" + "c" * 64})
    return Incoming("packets", 2, offset, at, b"k", body if value is None else value)


class Line:
    """A stage with rows that are written as a lane does, and begun anew at will."""

    def __init__(self) -> None:
        self.rows, self.clock, self.sent = MemoryRows(), Clock(), list[bytes]()
        self.begin()

    def begin(self) -> None:
        self.stage = LedgerPartition(2, self.rows, SIGNER, self.clock)
        self.stage.recover()

    def commit(self, *effects: Effects) -> None:
        for one in effects:
            self.rows.write(one.rows)
            self.sent += [send.value or b"" for send in one.sends if send.topic == "ledger"]

    def feed(self, *records: Incoming) -> None:
        self.commit(*self.stage.fold(records))

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.sent]


def test_an_hour_is_closed_by_the_next_one() -> None:
    line = Line()
    line.clock.now = NOW + 2 * HOUR_MS
    line.feed(record(0), record(3, NOW + HOUR_MS - 1), record(4, NOW + HOUR_MS))
    (entry,) = line.entries()
    assert [one["offset"] for one in entry["sealed"]] == [0, 3]
    assert (entry["partition"], entry["number"], entry["packets"], entry["previousRoot"]) == (2, 0, 2, None)
    assert line.stage.uncovered == 1


def test_a_quiet_hour_is_closed_by_the_tick_after_a_grace() -> None:
    line = Line()
    assert line.stage.tick() is NOTHING
    line.feed(record(0))
    line.clock.now = NOW + HOUR_MS + GRACE_MS - 1
    assert line.stage.tick() is NOTHING
    line.clock.now += 1
    line.commit(line.stage.tick())
    assert len(line.entries()) == 1
    assert line.stage.tick() is NOTHING
    assert line.rows.scan(b"leaf:", b"leaf;") == []


def test_a_full_entry_is_closed_within_its_hour() -> None:
    line = Line()
    line.feed(*(record(offset) for offset in range(MAX_PACKETS + 1)))
    (entry,) = line.entries()
    assert (entry["packets"], line.stage.uncovered) == (MAX_PACKETS, 1)


def test_a_clock_that_ran_ahead_does_not_take_the_chain_along() -> None:
    line = Line()
    line.feed(record(0, NOW + 50 * HOUR_MS), record(1, NOW))
    line.clock.now = NOW + HOUR_MS + GRACE_MS
    line.commit(line.stage.tick())
    (entry,) = line.entries()
    assert (entry["packets"], entry["hour"]) == (2, "1970-02-11T16:00:00.000Z")


def test_an_older_record_stays_in_the_open_hour() -> None:
    line = Line()
    line.feed(record(0, NOW), record(1, NOW - 5 * HOUR_MS))
    assert line.sent == []
    assert line.stage.uncovered == 2


def test_what_is_no_packet_is_a_dead_letter() -> None:
    line = Line()
    for value in (b"", b"{", b'{"packetId":1}', b"[]"):
        (effects,) = line.stage.fold([record(0, value=value)])
        assert [send.topic for send in effects.sends] == ["dead-letters"]
    assert line.stage.uncovered == 0


def test_begun_anew_after_any_record_the_chain_is_the_same() -> None:
    def run(anew_after: int | None) -> list[bytes]:
        line = Line()
        line.clock.now = NOW + 100 * HOUR_MS
        for offset in range(30):
            line.feed(record(offset, NOW + offset * HOUR_MS // 4))
            if offset == anew_after:
                line.begin()
        line.clock.now = NOW + 200 * HOUR_MS
        line.commit(line.stage.tick())
        return line.sent

    expected = run(None)
    assert len(expected) == 8
    assert all(run(offset) == expected for offset in range(30))
    packets = [
        InCopy(one["packetId"], one["manifestHash"], 0) for body in expected for one in json.loads(body)["sealed"]
    ]
    assert judge(expected, TRUSTED, check, packets=packets).problems == ()
    assert len(packets) == 30


def test_each_entry_says_by_its_headers_which_it_is() -> None:
    line = Line()
    line.clock.now = NOW + 2 * HOUR_MS
    effects = line.stage.fold([record(0), record(1, NOW + HOUR_MS)])
    (send,) = effects[1].sends
    assert (send.topic, send.key, send.partition) == ("ledger", b"2", 2)
    assert dict(send.headers)["ce_id"] == b"2/0"
