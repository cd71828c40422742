"""The only place that lists who takes part in the join: how each is started, warmed, and which topics it uses."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import environments
from bench.backlogs import Course
from bench.kafka import Kafka
from bench.line import directory_of_run, line_of_run, policy
from bench.options import Options
from bench.processes import Running
from stream_app.topics import EVIDENCE


@dataclass(frozen=True)
class Started:
    """A side that runs: its process, the topic it reads, what it commits and where it writes."""

    process: Running
    input: str
    course: Course


Start = Callable[[Options, Kafka], AbstractAsyncContextManager[Started]]


@dataclass(frozen=True)
class Side:
    """One way to do the work. `passes`: backlogs worked off before the one that counts. `share`: of the calls."""

    name: str
    title: str
    guarantee: str
    start: Start
    passes: int = 0
    share: float = 1.0


@asynccontextmanager
async def _ours(options: Options, kafka: Kafka) -> AsyncIterator[Started]:
    async with line_of_run(options, kafka, policy(selected=1.0)) as line:
        process = line.stage("join")
        yield Started(process, line.evidence, Course({line.evidence: line.group("join")}, line.orders))


def _peer(command: Callable[[Options], list[str]], **told: str) -> Start:
    @asynccontextmanager
    async def start(options: Options, kafka: Kafka) -> AsyncIterator[Started]:
        async with directory_of_run(options, kafka) as (prefix, directory):
            source, output, group = f"{prefix}{EVIDENCE.name}", f"{prefix}seal-orders", f"{prefix}peer"
            await kafka.create([source, output])
            environment = {
                **os.environ, **told, "BENCH_BOOTSTRAP": kafka.bootstrap, "BENCH_INPUT": source,
                "BENCH_OUTPUT": output, "BENCH_GROUP": group, "BENCH_STATE_DIR": str(directory / "state"),
            }  # fmt: skip
            process = Running(command(options), environment, directory / "peer.log", directory)
            try:
                yield Started(process, source, Course({source: group}, output))
            finally:
                process.stop()

    return start


def _python(peer: str, *words: str) -> Callable[[Options], list[str]]:
    def command(options: Options) -> list[str]:
        interpreter = environments.python_of(peer, options.environments, options.say)
        return [str(interpreter), str(Path(environments.PEERS) / peer / "join.py"), *words]

    return command


def _java(options: Options) -> list[str]:
    return environments.java_command(options.environments, options.say)


SIDES: tuple[Side, ...] = (
    Side("ours", "ours", "exactly one order, RocksDB, changelog", _ours),
    Side(
        "faust", "Faust as documented", "at least once, RocksDB, changelog",
        _peer(_python("faust", "worker", "-l", "warn", "--without-web")), share=0.1,
    ),
    Side("quix", "Quix Streams 3.28", "at least once, RocksDB, changelog", _peer(_python("quix"))),
    Side(
        "kafka-streams-eos", "Kafka Streams 4.1, warm, exactly_once_v2", "exactly once, RocksDB, changelog",
        _peer(_java, BENCH_GUARANTEE="exactly_once_v2"), passes=2,
    ),
    Side(
        "kafka-streams-alo", "Kafka Streams 4.1, warm, at_least_once", "at least once, RocksDB, changelog",
        _peer(_java, BENCH_GUARANTEE="at_least_once"), passes=2,
    ),
    Side("raw", "hand-written confluent-kafka", "at least once, memory only", _peer(_python("raw"))),
)  # fmt: skip
"""In the order in which they take their turns."""
