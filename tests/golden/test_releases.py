"""What every release wrote is read by this one: its records, its rows, and the joins it left open."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from stream_app.core import alias_rows, evidence_records, identity_records
from stream_app.core.call_rows import RowError, read_call
from stream_app.core.clock import ClockError, PartitionClock
from stream_app.core.open_calls import OpenCalls
from stream_app.core.orders import SealOrder, SealRetry
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.pipeline.join import JoinPartition
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.progress import PROGRESS, Progress
from stream_app.topics import EVIDENCE, IDENTITY, SEAL_ORDERS, SEAL_RETRY
from tests.golden import story, write
from tests.golden.files import (
    HERE,
    PARTITIONS,
    RELEASES,
    Then,
    opened,
    orders_since,
    read_records,
    read_rows,
    tell,
)

releases = pytest.mark.parametrize("release", RELEASES)


def read_row(stage: str, key: bytes, value: bytes) -> str:
    """Read a row as its stage does; returns what kind of row it is."""
    if key.startswith(PROGRESS):
        assert Progress.from_bytes(value).upto >= 0
        return "progress"
    if stage == "identity":
        assert alias_rows.read_row(value).alias == key.decode()
        assert alias_rows.due_of(value)[1] >= 0
        return "alias"
    kind = key.replace(b"/", b":").partition(b":")[0].decode()
    match kind:
        case "call":
            assert read_call(value).call_id == key.removeprefix(b"call:").decode()
        case "clock":
            assert (PartitionClock.from_bytes(value).now or 0) >= 0
        case "open":
            assert len(OpenCalls.from_bytes(value)) >= 0
        case "policy":
            assert Policy.from_dict(read_json(value)).sha256.encode() in key
        case "active":
            assert len(value) == 64
        case _:
            pytest.fail(f"this release knows no rows like {key!r}")
    return kind


def test_there_are_golden_files() -> None:
    assert "v0.1" in RELEASES


@releases
def test_every_record_is_read(release: str) -> None:
    directory = HERE / release
    read = Counter(
        type(evidence_records.read_record(one.value)).__name__ for one in read_records(directory, EVIDENCE.name)
    )
    assert set(read) == {"Heard", "Clock", "Activation"}
    found = Counter(
        type(identity_records.read_record(one.value)).__name__ for one in read_records(directory, IDENTITY.name)
    )
    assert set(found) == {"ParkRecord", "LinkRecord", "HopDoneRecord", "ClockOnward"}
    for one in read_records(directory, SEAL_ORDERS.name):
        order = SealOrder.from_dict(read_json(one.value or b""))
        assert order.to_bytes() == one.value, "an order that is read and written again is the same: its digest is kept"
    (retry,) = read_records(directory, SEAL_RETRY.name)
    assert SealRetry.from_dict(read_json(retry.value or b"")).attempt == 2


@releases
def test_every_row_is_read(release: str) -> None:
    kinds = {
        stage: {read_row(stage, key, value) for _, key, value in read_rows(HERE / release, stage) if value is not None}
        for stage in ("identity", "join", "seal")
    }
    assert kinds == {
        "identity": {"alias", "progress"},
        "join": {"call", "clock", "open", "policy", "active", "progress"},
        "seal": {"progress"},
    }


@releases
def test_the_log_gives_the_orders_that_were_sent(release: str) -> None:
    directory = HERE / release
    policy = Then.read(directory).policy
    for partition in range(PARTITIONS):
        rows = MemoryRows()
        join = JoinPartition(partition, rows, policy)
        join.recover()
        log = [one for one in read_records(directory, EVIDENCE.name) if one.partition == partition]
        given = []
        for start in range(0, len(log), 7):
            effects = join.fold(log[start : start + 7])
            rows.commit(effects)
            given += [send.value for one in effects for send in one.sends if send.topic == SEAL_ORDERS.name]
        assert given == [one.value for one in read_records(directory, SEAL_ORDERS.name) if one.partition == partition]


@releases
def test_open_joins_go_on_to_the_same_orders(release: str) -> None:
    directory = HERE / release
    then = Then.read(directory)
    line = opened(directory)
    tell(line, story.after())
    assert len(then.orders) > story.OPEN
    assert orders_since(line, directory) == then.orders


def test_a_changed_row_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: had a release read one byte of one open call otherwise, the orders would say so."""
    directory = HERE / RELEASES[0]
    rows = read_rows(directory, "join")
    last = max(at for at, (_, key, _) in enumerate(rows) if key == b"call:call-4")
    partition, key, value = rows[last]
    assert value is not None
    assert value.count(b'"score":0.5') == 1
    rows[last] = (partition, key, value.replace(b'"score":0.5', b'"score":0.6'))
    monkeypatch.setattr(
        "tests.golden.files.read_rows",
        lambda _directory, stage: rows if stage == "join" else read_rows(_directory, stage),
    )
    line = opened(directory)
    tell(line, story.after())
    assert orders_since(line, directory) != Then.read(directory).orders


@releases
@pytest.mark.parametrize(
    ("prefix", "read", "error"),
    [
        (b"call:", read_call, RowError),
        (b"clock/", PartitionClock.from_bytes, ClockError),
        (b"open/", OpenCalls.from_bytes, ValueError),
    ],
)
def test_a_row_of_an_unknown_version_is_refused_by_name(
    release: str, prefix: bytes, read: object, error: type[Exception]
) -> None:
    assert callable(read)
    value = next(row for _, key, row in read_rows(HERE / release, "join") if key.startswith(prefix) and row is not None)
    with pytest.raises(error, match=r"version (99|63).*this release reads"):
        read(b"\x63" + value[1:])


def test_what_a_release_has_written_is_not_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert write.main([RELEASES[0]]) == 2
    assert "never written again" in capsys.readouterr().err
    assert write.main(["../elsewhere"]) == 2
    assert "usage" in capsys.readouterr().err


def test_what_this_release_would_write_can_be_read(tmp_path: Path) -> None:
    """So that the next release does not find out too late."""
    directory = tmp_path / "v9.9"
    write.write(directory)
    line = opened(directory)
    tell(line, story.after())
    assert orders_since(line, directory) == Then.read(directory).orders
