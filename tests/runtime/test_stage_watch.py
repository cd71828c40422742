"""A stage as its supervisor sees it: beats, silence, and the time between two processes."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.runtime.stage_watch import FROZEN_S, STARTING_S, TICK_S, StageWatch

WELL: dict[str, Any] = {"stage": "join", "assigned": 2, "recovered": 2, "lag": 3, "reasons": [], "unnamed": 0}


@pytest.fixture
def watch() -> StageWatch:
    """One whose process runs and beats."""
    made = StageWatch("join", kill_after_s=45.0)
    made.began(4711)
    made.beat(WELL)
    return made


def passes(watch: StageWatch, seconds: float) -> None:
    for _ in range(round(seconds / TICK_S)):
        watch.tick(TICK_S)


def causes(reasons: list[dict[str, Any]]) -> list[str]:
    assert all(reason["stage"] == "join" for reason in reasons)
    return [reason["cause"] for reason in reasons]


def test_one_that_beats_is_alive_and_as_ready_as_it_says(watch: StageWatch) -> None:
    for _ in range(100):
        passes(watch, FROZEN_S)
        assert watch.not_alive() == watch.not_ready() == []
        watch.beat(WELL)
    watch.beat({**WELL, "reasons": [{"cause": "stalled", "partition": "evidence/1", "detail": "it stands"}]})
    assert watch.not_alive() == []
    assert watch.not_ready() == [
        {"stage": "join", "cause": "stalled", "partition": "evidence/1", "detail": "it stands"}
    ]


def test_silence_is_frozen_and_then_deadly_until_it_beats_again(watch: StageWatch) -> None:
    passes(watch, FROZEN_S + 1)
    assert causes(watch.not_alive()) == causes(watch.not_ready()) == ["frozen"]
    assert watch.not_alive()[0]["detail"] == "process 4711 is silent: 16 s since its last heartbeat"
    deadly = [watch.must_be_killed]
    for seconds in (29, 1):
        passes(watch, seconds)
        deadly.append(watch.must_be_killed)
    watch.beat(WELL)
    assert [*deadly, watch.must_be_killed] == [False, False, True, False]
    assert watch.not_alive() == watch.not_ready() == []


def test_before_its_first_beat_it_has_more_time() -> None:
    watch = StageWatch("join", kill_after_s=45.0)
    watch.began(4711)
    passes(watch, STARTING_S)
    assert watch.not_alive() == []
    assert causes(watch.not_ready()) == ["starting"]
    passes(watch, 1)
    assert causes(watch.not_alive()) == ["frozen"]
    deadly = []
    for seconds in (90 - STARTING_S - 1, 1):
        passes(watch, seconds)
        deadly.append(watch.must_be_killed)
    assert deadly == [False, True]


def test_between_two_processes_it_is_down_but_alive_for_as_long_as_a_start_takes(watch: StageWatch) -> None:
    watch.ended(70)
    assert causes(watch.not_ready()) == ["down"]
    assert "ended with 70" in watch.not_ready()[0]["detail"]
    passes(watch, STARTING_S)
    assert watch.not_alive() == []
    passes(watch, 1)
    assert causes(watch.not_alive()) == ["down"]
    passes(watch, 1000)
    assert not watch.must_be_killed, "there is nothing to kill"
    watch.began(4712)
    assert watch.not_alive() == []
    assert causes(watch.not_ready()) == ["starting"], "what the last process said is not this one's"


def test_a_watcher_that_was_away_blames_nobody(watch: StageWatch) -> None:
    watch.tick(3600)
    assert watch.silent_s == 2 * TICK_S
    assert watch.not_alive() == []


def test_all_that_is_known_of_it(watch: StageWatch) -> None:
    watch.restarts["frozen"] += 2
    passes(watch, 1)
    assert watch.to_dict() == {
        "stage": "join", "pid": 4711, "alive": True, "ready": True, "silentForS": 1.0,
        "assigned": 2, "recovered": 2, "lag": 3, "restarts": {"failed": 0, "frozen": 2},
    }  # fmt: skip
    watch.ended(-9)
    assert watch.to_dict()["pid"] is None
    assert watch.to_dict()["assigned"] is None
    assert watch.to_dict()["ready"] is False
