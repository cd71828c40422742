"""The only place that lists the figures: what `make bench` measures, in this order, and `--only` chooses from."""

from __future__ import annotations

from bench.figures.deadlines import DEADLINES
from bench.figures.figure import Figure
from bench.figures.gateway import GATEWAY
from bench.figures.growth import GROWTH
from bench.figures.idle import IDLE
from bench.figures.join import JOIN
from bench.figures.latency import JOIN_LATENCY, LINE_LATENCY
from bench.figures.memory import MEMORY
from bench.figures.restart import RESTART
from bench.figures.throughput import IDENTITY, ORDERS, PACKETS

FIGURES: tuple[Figure, ...] = (
    JOIN, ORDERS, PACKETS, JOIN_LATENCY, LINE_LATENCY, RESTART, MEMORY, IDLE, GROWTH, DEADLINES, IDENTITY, GATEWAY,
)  # fmt: skip
