"""A slice of chaos in the usual run; the five minutes of `make chaos`, and the control, under `-m long`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.state import Endpoints
from tests.chaos.brokers import OneBroker
from tests.chaos.control import control
from tests.chaos.profiles import CONTROL, QUIET, SLICE, STANDARD
from tests.chaos.run import chaos

SEED = int(os.environ.get("CHAOS_SEED", "1"))


def test_a_slice_of_chaos_loses_and_doubles_nothing(stack: Endpoints, tmp_path: Path) -> None:
    report = asyncio.run(chaos(SLICE, SEED, tmp_path, stack))
    assert report.good, report.table()
    assert report.counts["packets"] >= SLICE.calls // 2
    assert report.counts["fault kill"] >= 3
    assert report.counts["zombies woken"] >= 1
    assert report.counts["positions below a committed offset"] > SLICE.calls


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[OneBroker]:
    """A broker that only this test kills."""
    own = OneBroker(tmp_path / "stack")
    try:
        yield own
    finally:
        own.down()


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(1800)
def test_five_minutes_of_every_fault(broker: OneBroker, tmp_path: Path) -> None:
    report = asyncio.run(chaos(STANDARD, SEED, tmp_path, broker.up(), restart_broker=broker.restart))
    assert report.good, report.table()
    assert not [note for note in report.notes if note.startswith("TOO LITTLE")], report.notes


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(1800)
def test_a_plain_faust_join_is_right_without_faults_and_caught_with_them(broker: OneBroker, tmp_path: Path) -> None:
    stack = broker.up()
    for name in ("quiet", "faults"):
        (tmp_path / name).mkdir()
    quiet = asyncio.run(control(QUIET, SEED, tmp_path / "quiet", stack))
    assert quiet.good, quiet.table()
    caught = asyncio.run(control(CONTROL, SEED, tmp_path / "faults", stack, broker.restart))
    assert caught.found["lost"] or caught.found["duplicated"] or caught.found["wrong status"], caught.table()
