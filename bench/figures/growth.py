"""The only place that measures whether work costs more as it grows: more open calls, more workers."""

from __future__ import annotations

from collections.abc import Callable

from bench import targets
from bench.backlogs import Course, Timed, feed_and_wait, primers, timed
from bench.calls import BASE_MS, Fed, Feed
from bench.figures.figure import Figure, Measured, WrongOutput
from bench.figures.join import orders_of
from bench.figures.memory import chunks
from bench.kafka import Kafka
from bench.line import Line, line_of_run, policy
from bench.options import Options
from bench.orders import faults
from bench.spread import Spread

FEW_CALLS = 10_000
SHARE_OF_CALLS = 0.25


async def measure(options: Options, kafka: Kafka) -> Measured:
    """The same backlogs over few and then over many open calls; and over one worker and two."""
    rows, details = [], {}
    few, many = await _by_state(options, kafka)
    rows.append(targets.row("growth.state", Spread.of(few).median / Spread.of(many).median))
    details["fewOpenCalls"] = {"calls": FEW_CALLS, "perCpuSecond": Spread.of(few).to_dict()}
    details["manyOpenCalls"] = {"calls": options.many_calls, "perCpuSecond": Spread.of(many).to_dict()}
    workers = {count: await _by_workers(options, kafka, count) for count in (1, 2)}
    rows.append(targets.row("growth.workers", Spread.of(workers[1]).median / Spread.of(workers[2]).median))
    for count, rates in workers.items():
        details[f"workers{count}"] = {"perCpuSecond": Spread.of(rates).to_dict()}
    return Measured(rows, details)


async def _by_state(options: Options, kafka: Kafka) -> tuple[list[float], list[float]]:
    """Events per CPU-second of the same sort of backlog at FEW_CALLS and at `many_calls` open calls."""
    async with line_of_run(options, kafka, policy(selected=1.0)) as line:
        line.stage("join")
        feed = Feed()
        course = _course(line)
        await feed_and_wait(kafka, course, line.processes, primers(feed, "p0"), _place(line))
        rates: list[list[float]] = []
        for batch, calls in (("g0", FEW_CALLS), ("g1", max(0, options.many_calls - FEW_CALLS))):
            done = 0
            for records in chunks(feed, batch, calls, ("call",), BASE_MS):
                await feed_and_wait(kafka, course, line.processes, records, _place(line))
                done += len(records)
                options.say(f"growth: {done} of {calls} calls opened")
            rates.append([])
            for run in range(options.runs):
                outcome = await _backlog(line, feed, f"{'xy'[len(rates) - 1]}{run}", options)
                rates[-1].append(outcome.per_cpu_second)
                options.say(f"growth: {outcome.per_cpu_second:,.0f} events per CPU-second")
    return rates[0], rates[1]


async def _by_workers(options: Options, kafka: Kafka, count: int) -> list[float]:
    async with line_of_run(options, kafka, policy(selected=1.0)) as line:
        for _ in range(count):
            line.stage("join")
        feed = Feed()
        await feed_and_wait(kafka, _course(line), line.processes, primers(feed, "p0"), _place(line))
        found = []
        for run in range(options.runs):
            outcome = await _backlog(line, feed, f"z{run}", options)
            options.say(f"growth: {count} workers, {outcome.per_cpu_second:,.0f} events per CPU-second")
            found.append(outcome.per_cpu_second)
        return found


async def _backlog(line: Line, feed: Feed, batch: str, options: Options) -> Timed:
    backlog = feed.backlog(batch, max(100, round(options.calls * SHARE_OF_CALLS)), seed=options.seed)
    outcome = await timed(line.kafka, _course(line), line.processes, backlog.records, _place(line))
    if wrong := faults(await orders_of(line.kafka, line.orders, outcome.output_begins), backlog.complete):
        raise WrongOutput("; ".join(wrong))
    return outcome


def _course(line: Line) -> Course:
    return Course({line.evidence: line.group("join")}, line.orders)


def _place(line: Line) -> Callable[[Fed], str]:
    def place(_: Fed) -> str:
        return line.evidence

    return place


GROWTH = Figure(
    "growth", "Cost as work grows: more open calls, a second worker", measure, ("runs", "calls", "manyCalls", "seed")
)
