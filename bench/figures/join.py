"""The only place that measures the join beside its peers: same records, same orders, interleaved runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import targets
from bench.backlogs import Timed, feed_and_wait, primers, timed
from bench.calls import Backlog, Fed, Feed
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.kafka import Kafka
from bench.options import Options
from bench.orders import Order, differences, faults, read_order
from bench.sides import SIDES, Side
from bench.spread import Spread, ratio

OURS = "ours"


@dataclass
class Results:
    """What each side's runs gave."""

    runs: dict[str, list[Timed]] = field(default_factory=dict)
    resident: dict[str, list[int]] = field(default_factory=dict)


async def measure(options: Options, kafka: Kafka) -> Measured:
    """Every side in turn, `runs` times over; outputs checked against the truth and against each other."""
    sides = [side for side in SIDES if not options.sides or side.name in options.sides]
    results = Results()
    for run in range(1, options.runs + 1):
        outputs: dict[str, list[Order]] = {}
        for side in sides:
            options.say(f"join, run {run} of {options.runs}: {side.title}")
            outcome, resident, orders = await _run(side, options, kafka)
            results.runs.setdefault(side.name, []).append(outcome)
            results.resident.setdefault(side.name, []).append(resident)
            if side.share == 1.0:
                outputs[side.name] = orders
            options.say(
                f"  {outcome.events} events, {outcome.per_cpu_second:,.0f} per CPU-second, "
                f"{outcome.per_second:,.0f} per second"
            )
        if found := differences(outputs):
            raise WrongOutput("; ".join(found))
    return _measured(sides, results)


async def _run(side: Side, options: Options, kafka: Kafka) -> tuple[Timed, int, list[Order]]:
    feed = Feed()
    calls = max(50, round(options.calls * side.share))
    async with side.start(options, kafka) as started:
        processes = [started.process]

        def place(_: Fed) -> str:
            return started.input

        await feed_and_wait(kafka, started.course, processes, primers(feed, "p0"), place)
        for number in range(side.passes):
            options.say(f"  warming, pass {number + 1} of {side.passes}")
            warming = feed.backlog(f"w{number}", calls, seed=options.seed)
            await feed_and_wait(kafka, started.course, processes, warming.records, place)
        backlog = feed.backlog("b0", calls, seed=options.seed)
        profile = options.profile if side.name == OURS else None
        outcome = await timed(kafka, started.course, processes, backlog.records, place, profile)
        orders = await orders_of(kafka, started.course.output, outcome.output_begins)
        _check(side, orders, backlog)
        return outcome, started.process.resident(), orders


async def orders_of(kafka: Kafka, topic: str, begins: list[int]) -> list[Order]:
    """All orders from these offsets on."""
    return [read_order(record.value) async for record in kafka.read(topic, begins)]


def _check(side: Side, orders: Sequence[Order], backlog: Backlog) -> None:
    if wrong := faults(orders, backlog.complete):
        raise WrongOutput(f"{side.title}: {'; '.join(wrong)}")


def _measured(sides: Sequence[Side], results: Results) -> Measured:
    table: list[dict[str, Any]] = []
    for side in sides:
        runs = results.runs[side.name]
        table.append({
            "side": side.name, "title": side.title, "guarantee": side.guarantee, "events": runs[0].events,
            "perCpuSecond": Spread.of([run.per_cpu_second for run in runs]).to_dict(),
            "perSecond": Spread.of([run.per_second for run in runs]).to_dict(),
            "residentMb": round(max(results.resident[side.name]) / 1e6),
        })  # fmt: skip
    rows, ratios = [], {}
    if OURS in results.runs:
        ours = [run.per_cpu_second for run in results.runs[OURS]]
        rows.append(targets.row("join.rate", Spread.of(ours).median))
        for side in sides:
            if side.name == OURS:
                continue
            spread = ratio(ours, [run.per_cpu_second for run in results.runs[side.name]])
            ratios[side.name] = spread.to_dict()
            if side.name != "faust":
                rows.append(targets.row(f"join.{side.name}", spread.median))
    return Measured(rows, {"sides": table, "oursOver": ratios, "bytesPerEvent": _size()})


def _size() -> int:
    records = Feed().call("call-b0-000000000000")
    return round(sum(len(record.value) for record in records) / len(records))


JOIN = Figure("join", "The join stage and its peers: a backlog, per CPU-second", measure, ("runs", "calls", "seed"))
