"""The only place for what is aimed at: each figure's prototype, must and stretch, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["stretch reached", "must reached", "not reached", "no aim"]


@dataclass(frozen=True)
class Target:
    """One line of the table. `better` says which way is good; `prototype` None: it was not measured there."""

    key: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    must: float | None
    """None: shown for comparison, its ratios have the aims."""
    stretch: float | None = None
    prototype: float | None = None

    def verdict(self, measured: float) -> Verdict:
        """How the measured value stands to the aim."""
        if self.stretch is not None and self._reaches(measured, self.stretch):
            return "stretch reached"
        if self.must is None:
            return "no aim"
        return "must reached" if self._reaches(measured, self.must) else "not reached"

    def _reaches(self, measured: float, aim: float) -> bool:
        return measured >= aim if self.better == "higher" else measured <= aim

    def row(self, measured: float) -> dict[str, Any]:
        """The line with what was measured, for the results file."""
        return {
            "key": self.key, "title": self.title, "unit": self.unit, "better": self.better, "measured": measured,
            "prototype": self.prototype, "must": self.must, "stretch": self.stretch, "verdict": self.verdict(measured),
        }  # fmt: skip


TARGETS: tuple[Target, ...] = (
    Target("join.rate", "join, backlog, every guarantee on", "events/CPU-s", "higher", None, None, 61_000),
    Target("join.quix", "join over Quix Streams", "x", "higher", 3.5, 6, 4.0),
    Target("join.kafka-streams-alo", "join over warm Kafka Streams, at least once", "x", "higher", 1.8, 3, 2.2),
    Target("join.kafka-streams-eos", "join over warm Kafka Streams, exactly once", "x", "higher", 2, 3),
    Target("join.raw", "join over the raw in-memory ceiling", "x", "higher", 0.5, 0.8, 0.58),
    Target("orders.wall", "intake, identity, join: backlog, one worker", "input events/s", "higher", 10_000, 25_000),
    Target("packets.wall", "whole line, 10 % sealed: backlog", "input events/s", "higher", 1000, 3000),
    Target("join-latency.p50", "join only at 500 events/s: p50", "ms", "lower", 100, 50, 97),
    Target("join-latency.p99", "join only at 500 events/s: p99", "ms", "lower", 200, 100, 134),
    Target("join-latency.cpu", "join only at 500 events/s: CPU", "% of a core", "lower", 30, 15, 20),
    Target("line-latency.p50", "whole line at 500 events/s: p50", "ms", "lower", 200, 100),
    Target("line-latency.p99", "whole line at 500 events/s: p99", "ms", "lower", 500, 250),
    Target("line-latency.cpu", "whole line at 500 events/s: CPU of all stages", "% of a core", "lower", 60, 35),
    Target("restart.local", "restart after kill -9, local state", "s", "lower", 5, 3, 3.7),
    Target("restart.wiped", "restart after kill -9, state wiped", "s", "lower", 8, 4, 3.7),
    Target("memory.open", "resident memory per open call", "bytes", "lower", 1000, 300, 135),
    Target("memory.dormant", "resident memory of all dormant calls", "MB", "lower", 60),
    Target("idle.keys", "keys of calls that are forgotten, left in the changelog", "keys", "lower", 0),
    Target("idle.changelog", "largest changelog partition after roll and compaction", "MB", "lower", 1.0),
    Target("growth.state", "CPU per event, many open calls over few", "x", "lower", 1.25, 1.1),
    Target("growth.workers", "CPU per event, two workers over one", "x", "lower", 1.25, 1.1),
    Target("deadline.p99", "deadline overshoot on a silent cluster: p99", "s", "lower", 1.0),
    Target("identity.cost", "CPU per event, by names over by IDs", "x", "lower", 1.5),
    Target("gateway.p99", "gateway, 550 webhooks/s on one core: p99", "ms", "lower", 100),
    Target("gateway.cpu", "gateway, 550 webhooks/s: CPU", "% of a core", "lower", 100),
)


def row(key: str, measured: float) -> dict[str, Any]:
    """The target's line with the measured value; KeyError for an unknown key."""
    return {target.key: target for target in TARGETS}[key].row(measured)
