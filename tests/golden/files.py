"""The only place for how golden files look: one JSON line a record or row, bytes in base64; and a line made of them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from stream_app.core import alias_rows
from stream_app.core.policy import Policy
from stream_app.pipeline import join
from stream_app.pipeline.ports import Effects, Incoming
from stream_app.runtime.progress import PROGRESS
from stream_app.topics import EVIDENCE, IDENTITY, INTAKE_TOPICS, SEAL_ORDERS
from tests.simulator import LoggedRows, Simulator

HERE = Path(__file__).parent
RELEASES = tuple(sorted(path.name for path in HERE.glob("v*") if path.is_dir()))
PARTITIONS = 2

Row = tuple[int, bytes, bytes | None]
"""(partition, key, value) of a changelog's record."""


def write_records(path: Path, records: Iterable[Incoming]) -> None:
    """Records of one topic, in order within each partition."""
    _write(path, ((one.partition, one.offset, one.timestamp_ms, one.key, one.value) for one in records))


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows of one changelog, in the order they were written."""
    _write(path, ((partition, at, 0, key, value) for at, (partition, key, value) in enumerate(rows)))


def read_records(directory: Path, topic: str) -> list[Incoming]:
    """Records of one topic."""
    return [Incoming(topic, *fields) for fields in _read(directory / f"{topic}.jsonl")]


def read_rows(directory: Path, stage: str) -> list[Row]:
    """Rows of one stage's changelog."""
    rows = _read(directory / f"{stage}-changelog.jsonl")
    return [(partition, key or b"", value) for partition, _, _, key, value in rows]


@dataclass(frozen=True)
class Then:
    """What a line made of golden files needs besides, and what must come of it."""

    policy: Policy
    now: int
    """Broker time when the old release stopped, ms."""
    ends: dict[str, int]
    """`topic/partition` -> end of the input partition."""
    orders: list[str]
    """SHA-256 of each further order's bytes, sorted: the calls of one partition may end in any order."""

    @classmethod
    def read(cls, directory: Path) -> Then:
        """From its file."""
        document = json.loads((directory / "then.json").read_text())
        policy = Policy.from_dict(document["policy"])
        assert policy.sha256 == document["policySha256"], "the policy of that release is another one in this"
        return cls(policy, document["now"], document["ends"], document["orders"])


def opened(directory: Path) -> Simulator:
    """A line of this release that goes on from the golden files, its stores replayed from their changelogs."""
    then = Then.read(directory)
    line = Simulator(policy=then.policy, partitions=PARTITIONS)
    line.now = then.now
    for topic in INTAKE_TOPICS:
        for partition in range(PARTITIONS):
            end = then.ends[f"{topic.name}/{partition}"]
            gone = [Incoming(topic.name, partition, offset, 0, None, None) for offset in range(end)]
            line.log[topic.name][partition] += gone
            line.lanes[topic.name, partition].read = end
    for name in (IDENTITY.name, EVIDENCE.name, SEAL_ORDERS.name):
        for record in read_records(directory, name):
            line.log[name][record.partition].append(record)
    for partition in range(PARTITIONS):
        line._open_identity(partition, _replayed(directory, "identity", partition, alias_rows.local_rows))
        line._open_join(partition, _replayed(directory, "join", partition, join.local_rows))
        for name in (IDENTITY.name, EVIDENCE.name):
            line.lanes[name, partition].read = len(line.log[name][partition])
    return line


def _replayed(
    directory: Path, stage: str, partition: int, local: Callable[[bytes, bytes], Sequence[tuple[bytes, bytes]]]
) -> LoggedRows:
    rows = LoggedRows()
    for number, key, value in read_rows(directory, stage):
        if number == partition and not key.startswith(PROGRESS):
            rows.commit([Effects(rows=((key, value),), local=() if value is None else tuple(local(key, value)))])
    return rows


def tell(line: Simulator, story: Sequence[tuple[int, list[dict[str, Any]]]]) -> None:
    """Let the story happen: time passes, events are published and read."""
    for pause, events in story:
        if pause:
            line.tick(pause)
        for event in events:
            line.publish(event, key=event["eventId"].encode())
        line.pump()


def orders_since(line: Simulator, directory: Path) -> list[str]:
    """SHA-256 of the orders beyond those of the golden files, sorted."""
    known = read_records(directory, SEAL_ORDERS.name)
    return sorted(
        sha256(record.value or b"").hexdigest()
        for partition, records in enumerate(line.log[SEAL_ORDERS.name])
        for record in records[sum(one.partition == partition for one in known) :]
    )


def _write(path: Path, lines: Iterable[tuple[int, int, int, bytes | None, bytes | None]]) -> None:
    path.write_text("".join(json.dumps([p, o, t, _text(k), _text(v)]) + "\n" for p, o, t, k, v in lines))


def _read(path: Path) -> list[tuple[int, int, int, bytes | None, bytes | None]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(p, o, t, _bytes(k), _bytes(v)) for p, o, t, k, v in lines]


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value)
