"""The only place for what a figure is: a name, and a coroutine that measures and returns rows and details."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bench.kafka import Kafka
from bench.options import Options


class WrongOutput(Exception):
    """What was measured did not do its work: its speed means nothing."""


@dataclass(frozen=True)
class Measured:
    """What a figure came to. `rows` are lines of the table of aims; `details` whatever else is worth keeping (JSON)."""

    rows: list[dict[str, Any]]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One entry of `FIGURES`."""

    name: str
    title: str
    measure: Callable[[Options, Kafka], Awaitable[Measured]]
    sizes: tuple[str, ...]
    """Which sizes of the options (as the results file names them) it depends on."""
