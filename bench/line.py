"""The only place that sets our product up for a measurement: topics of its own, a policy, stages as real processes."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.kafka import PARTITIONS, Kafka
from bench.options import Options
from bench.processes import Running, wait_until_said
from stream_app import policy_file
from stream_app.core.durations import format_duration
from stream_app.core.policy import Policy
from stream_app.runtime import admin, policies
from stream_app.settings import Settings
from stream_app.topics import EVIDENCE, SEAL_ORDERS

ROOT = Path(__file__).resolve().parents[1]
_NUMBERS = itertools.count(1)


def policy(*, selected: float, deadline_ms: int = 12 * 3_600_000, kept_ms: int = 86_400_000) -> Policy:
    """The shipped policy, changed where a measurement needs it: a random share of calls is selected, for nothing else.

    Required are the kinds that are fed in (call, evaluation, tools where the call had any); no deadline is near
    unless a figure asks for a short one, and what is over is kept for a day.
    """
    document: dict[str, Any] = policy_file.default_policy().to_dict()
    timing: dict[str, Any] = {
        "deadline": deadline_ms, "soft": [deadline_ms // 2], "toolSettle": deadline_ms // 4,
        "settling": min(10_000, deadline_ms // 4), "retention": kept_ms, "lateHorizon": kept_ms,
        "orphan": max(deadline_ms, 60_000), "reasonGrace": max(1000, deadline_ms // 4),
    }  # fmt: skip
    for name, value in timing.items():
        spoken = [format_duration(one) for one in value] if isinstance(value, list) else format_duration(value)
        document["timing"][name] = spoken
    rows = document["evidence"]["conditional"]
    document["evidence"] = {
        "required": ["call", "evaluation"],
        "conditional": [row for row in rows if row["kind"] == "tools"],
        "optional": ["transcript", "recording", "trace", "report", "selection", "log", "identity"],
    }
    for row in document["reasons"]:
        if row.get("sample"):
            row["sample"]["rate"] = selected if row["reason"] == "scheduled_sample" else 0.0
    document["version"] = "bench"
    return Policy.from_dict(document)


class Line:
    """One deployment of ours on the bench's broker: its topics, and the stage processes that were started on it."""

    def __init__(
        self, options: Options, kafka: Kafka, chosen: Policy, directory: Path, prefix: str, more: Mapping[str, str]
    ) -> None:
        self.options, self.kafka, self.prefix, self.directory = options, kafka, prefix, directory
        self.policy = chosen
        (directory / "policy.yaml").write_text(policy_file.dump(chosen))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STREAM_APP_")},
            **options.stack.environment(),
            "STREAM_APP_TOPIC_PREFIX": prefix,
            "STREAM_APP_STATE_DIR": str(directory / "state"),
            "STREAM_APP_POLICY_FILE": str(directory / "policy.yaml"),
            "STREAM_APP_PACKET_BUCKET": f"review-packets/{prefix.rstrip('.')}",
            "STREAM_APP_INTERNAL_PARTITIONS": str(PARTITIONS),
            "STREAM_APP_INPUT_PARTITIONS": str(PARTITIONS),
            "STREAM_APP_SESSION_TIMEOUT_S": "30",
            "STREAM_APP_LOG_LEVEL": "WARNING",
            **{f"STREAM_APP_{name.upper()}": value for name, value in more.items()},
        }
        values = {
            name.removeprefix("STREAM_APP_").lower(): value
            for name, value in self.environment.items()
            if name.startswith("STREAM_APP_")
        }
        # Once: building them costs two milliseconds, and names are asked for with every record.
        self.settings = Settings(**values)  # type: ignore[arg-type]
        self.processes: list[Running] = []

    @property
    def evidence(self) -> str:
        """Full name of the join's input."""
        return self.settings.topic(EVIDENCE.name)

    @property
    def orders(self) -> str:
        """Full name of the join's output."""
        return self.settings.topic(SEAL_ORDERS.name)

    def group(self, stage: str) -> str:
        """Consumer group of a stage."""
        return self.settings.group(stage)

    async def create(self) -> None:
        """Topics, and the policy in force."""
        await admin.apply(self.settings)
        await policies.activate(self.settings, self.policy)

    def stage(self, name: str) -> Running:
        """One stage as the process that production runs; returns when it says that it is ready."""
        process = self.start("stage", name)
        wait_until_said(process, f"ready {name}")
        return process

    def worker(self, stages: Sequence[str]) -> Running:
        """A supervisor with these stages; returns when each is ready."""
        process = self.start("worker", "--stages", ",".join(stages))
        for name in stages:
            wait_until_said(process, f"ready {name}")
        return process

    def start(self, *words: str) -> Running:
        """`stream-app <words>`, not waited for."""
        log = self.directory / f"{'-'.join(words[:2]).replace('--', '')}.log"
        process = Running([sys.executable, "-m", "stream_app", *words], self.environment, log, ROOT)
        self.processes.append(process)
        return process

    def wipe_state(self) -> None:
        """Lose the local disk."""
        shutil.rmtree(self.directory / "state", ignore_errors=True)


@asynccontextmanager
async def directory_of_run(options: Options, kafka: Kafka) -> AsyncIterator[tuple[str, Path]]:
    """(topic prefix, directory) that only this run has; at the end its topics are deleted and its directory removed."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    directory = options.scratch / f"{next(_NUMBERS):03d}-{prefix.rstrip('.')}"
    directory.mkdir(parents=True)
    try:
        yield prefix, directory
    finally:
        await kafka.delete(prefix)
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def line_of_run(options: Options, kafka: Kafka, chosen: Policy, **settings: str) -> AsyncIterator[Line]:
    """A deployment with its topics; its processes end with it. `settings`: STREAM_APP_* without that prefix."""
    async with directory_of_run(options, kafka) as (prefix, directory):
        line = Line(options, kafka, chosen, directory, prefix, settings)
        try:
            await line.create()
            yield line
        finally:
            for process in line.processes:
                process.stop()
