"""What the join's fold costs by itself, in CPU: no Kafka, no store, no lane. `python -m bench.fold --json`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from bench.calls import BASE_MS, Feed
from bench.line import policy
from stream_app.core.evidence import ClockRecord
from stream_app.pipeline.join import JoinPartition
from stream_app.pipeline.ports import Incoming
from stream_app.runtime.memory_rows import MemoryRows

IDENTITY_PARTITIONS = 4
SOURCES = {"call-ended": 8, "tool-call": 8, "evaluation-completed": 8, "artifact-ready": 8}


@dataclass(frozen=True)
class Measured:
    """One pass."""

    case: str
    events: int
    orders: int
    batch: int
    microseconds: float
    """CPU an event; the rows' way into the state is not counted."""
    per_second: int
    """Events per CPU-second."""
    row_bytes: int
    """Bytes of rows written, an event."""
    wrong: int
    """Orders that are missing or too many, against the truth of the made-up calls."""


def clock(at: int, via: int) -> bytes:
    """A clock record of one identity partition: everything was read up to `at`."""
    marks = {f"{topic}/{number}": at for topic, count in SOURCES.items() for number in range(count)}
    return ClockRecord(
        via=via, worker="bench", read_up_to=marks, sources=SOURCES, vias=IDENTITY_PARTITIONS
    ).to_bytes()  # fmt: skip


def batches(records: list[Incoming], size: int) -> Iterator[list[Incoming]]:
    """Records as a lane hands them over."""
    for at in range(0, len(records), size):
        yield records[at : at + size]


def measure(calls: int, batch: int, rate: float, clocks: int) -> Measured:
    """Fold a backlog; every `clocks` events the clock moves on by a record from each identity partition."""
    made = Feed().backlog("fo", calls)
    values = [clock(BASE_MS, via) for via in range(IDENTITY_PARTITIONS)]
    for number, fed in enumerate(made.records):
        if number % clocks == clocks - 1:
            values += [clock(BASE_MS + number // 100, via) for via in range(IDENTITY_PARTITIONS)]
        values.append(fed.value)
    records = [Incoming("evidence", 0, offset, 0, None, value) for offset, value in enumerate(values)]
    rows = MemoryRows()
    stage = JoinPartition(0, rows, policy(selected=rate))
    spent = 0
    written = 0
    ordered: list[bytes] = []
    for part in batches(records, batch):
        began = time.process_time_ns()
        folded = stage.fold(part)
        spent += time.process_time_ns() - began
        for effects in folded:
            rows.write(effects.rows)
            written += sum(len(row or b"") for _, row in effects.rows)
            ordered += [send.key or b"" for send in effects.sends]
    wanted = {call.encode() for call in made.complete} if rate == 1 else set(ordered)
    events = len(made.records)
    return Measured(
        case="every call ordered" if rate == 1 else "no call ordered" if rate == 0 else f"{rate:.0%} of calls ordered",
        events=events,
        orders=len(ordered),
        batch=batch,
        microseconds=round(spent / events / 1000, 2),
        per_second=round(events / spent * 1e9),
        row_bytes=round(written / events),
        wrong=len(wanted ^ set(ordered)) + len(ordered) - len(set(ordered)),
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", default=5000, show_default=True, help="Calls to fold, of about four events each.")
@click.option("--batch", "sizes", multiple=True, default=(500, 2000), show_default=True, help="Records a batch.")
@click.option("--clocks", default=1000, show_default=True, help="Events between two moves of the clock.")
@click.option("--runs", default=3, show_default=True, help="The fastest run of each case is shown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(calls: int, sizes: tuple[int, ...], clocks: int, runs: int, as_json: bool) -> None:
    """Measure what folding one event costs the join, in CPU. Exit 1 when what it ordered was wrong."""
    found = [
        min((measure(calls, size, rate, clocks) for _ in range(runs)), key=lambda one: one.microseconds)
        for rate in (0.0, 0.1, 1.0)
        for size in sizes
    ]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for one in found:
            click.echo(
                f"{one.case:<24} batch {one.batch:>5}  {one.microseconds:>7.2f} µs an event  "
                f"{one.per_second:>7,} a CPU-second  {one.row_bytes:>5} bytes of rows an event"
            )
    if any(one.wrong for one in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
