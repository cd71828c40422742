"""Generated calls are the same everywhere, plausible in every field, and hold every kind of trouble."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from stream_app.core.events import Measures
from stream_app.core.wire import write_json
from stream_app.demo.conversations import Conversation, ToolUse, parse_line
from stream_app.demo.errands import TIMEOUT_MS
from stream_app.demo.generator import AGENTS, generate

COUNT = 2_000


@pytest.fixture(scope="module")
def calls() -> list[Conversation]:
    return generate(COUNT, 11)


def share(calls: list[Conversation], holds: Any) -> float:
    return sum(bool(holds(call)) for call in calls) / len(calls)


def duplicated(call: Conversation) -> list[ToolUse]:
    """Tool calls that repeat a write which had succeeded."""
    written: set[bytes] = set()
    found = []
    for use in call.tool_calls:
        if use.write and use.status == "succeeded":
            mark = write_json([use.name, use.args, use.idempotency_key])
            if mark in written:
                found.append(use)
            written.add(mark)
    return found


def troubles(call: Conversation) -> set[str]:
    """What went wrong, read from the data alone."""
    found = {str(use.status) for use in call.tool_calls if use.status in ("timed_out", "invalid_result")}
    found |= {"failed_flag" for use in call.tool_calls if use.is_error}
    found |= {"failed_text" for use in call.tool_calls if use.status is None and use.error}
    return found | ({"duplicated_write"} if duplicated(call) else set())


def test_the_same_seed_gives_equal_calls_and_another_seed_others(calls: list[Conversation]) -> None:
    assert generate(COUNT, 11) == calls
    others = [call.model_copy(update={"call_id": ""}) for call in generate(COUNT, 12)]
    assert all(call.model_copy(update={"call_id": ""}) not in others[:50] for call in calls[:50])


def test_a_longer_run_begins_with_the_shorter_one(calls: list[Conversation]) -> None:
    assert generate(25, 11) == calls[:25]
    assert generate(0, 11) == []


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 calls"):
        generate(-1, 11)


def digest(calls: list[Conversation]) -> str:
    return hashlib.sha256("\n".join(call.model_dump_json() for call in calls).encode()).hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_another_process_gives_the_same_bytes(hash_seed: str) -> None:
    code = (
        "import hashlib; from stream_app.demo.generator import generate\n"
        "print(hashlib.sha256('\\n'.join(c.model_dump_json() for c in generate(40, 3)).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert seen.stdout.strip() == digest(generate(40, 3))


def test_ids_are_unique_and_count_from_one(calls: list[Conversation]) -> None:
    assert [call.call_id for call in calls] == [f"call-11-{number:05d}" for number in range(1, COUNT + 1)]


def test_tool_ids_repeat_across_calls_and_never_inside_one(calls: list[Conversation]) -> None:
    across: Counter[str | None] = Counter()
    for call in calls:
        ids = [use.id for use in call.tool_calls]
        assert len(set(ids)) == len(ids)
        across.update(ids)
    assert all(name is not None and name.startswith("tc_") for name in across)
    assert min(across.values()) > 1
    assert len(across) <= 10


def test_times_rise_and_stay_inside_the_call(calls: list[Conversation]) -> None:
    for call in calls:
        duration = call.duration_ms or 0
        assert 40_000 <= duration <= 400_000
        assert (call.ended_at or 0) - (call.started_at or 0) == duration
        said = [turn.t_ms or 0 for turn in call.turns]
        assert said[0] == 0
        assert all(earlier < later for earlier, later in pairwise(said))
        assert said[-1] < duration
        answered = [0, *((use.t_ms or 0) for use in call.tool_calls)]
        for before, use in zip(answered, call.tool_calls, strict=False):
            asked = (use.t_ms or 0) - (use.latency_ms or 0)
            assert before <= asked + 1  # Whole milliseconds are cut, never rounded up.
            assert (use.t_ms or 0) <= duration
            assert use.turn_i is not None
            assert (call.turns[use.turn_i].t_ms or 0) < asked
            assert call.turns[use.turn_i].speaker == "agent"


def test_sizes_are_those_of_real_calls(calls: list[Conversation]) -> None:
    assert {len(call.tool_calls) for call in calls} == {0, 1, 2, 3, 4}
    assert all(6 <= len(call.turns) <= 20 for call in calls)
    assert max(len(call.turns) for call in calls) - min(len(call.turns) for call in calls) >= 8
    assert {turn.speaker for call in calls for turn in call.turns} == {"agent", "user"}
    assert not [turn for call in calls for turn in call.turns if "{" in turn.text or not turn.text.strip()]


def test_agents_queues_languages_and_cohorts_are_all_seen(calls: list[Conversation]) -> None:
    known = {(agent.agent_id, queue) for agent in AGENTS for queue in agent.queues}
    assert {(call.agent_id, call.queue) for call in calls} == known
    versions = {f"{agent.agent_id}@{version}" for agent in AGENTS for version in agent.versions}
    assert {call.agent_version for call in calls} == versions
    assert {call.language for call in calls} == {"en", "es", "de", "fr", "pt"}
    assert len({call.cohort for call in calls}) == 4
    assert {call.source for call in calls} == {"generated"}
    assert len({call.end_reason for call in calls}) == 4
    assert 0.44 < share(calls, lambda call: call.language == "en") < 0.56


def test_outcomes_keep_their_shares(calls: list[Conversation]) -> None:
    assert 0.74 < share(calls, lambda call: call.outcome.label == "pass") < 0.82
    assert 0.14 < share(calls, lambda call: call.outcome.label == "fail") < 0.20
    assert 0.03 < share(calls, lambda call: call.outcome.label is None) < 0.07
    for call in calls:
        kind, label, score = call.outcome.kind, call.outcome.label, call.outcome.score
        if label is None:
            assert (kind, score) == ("none", None)
        else:
            low, high = (0.7, 1.0) if label == "pass" else (0.0, 0.45)
            assert kind == "judge"
            assert score is not None
            assert low <= score <= high


def test_tool_trouble_keeps_its_share_and_spoils_more_calls(calls: list[Conversation]) -> None:
    assert 0.15 < share(calls, troubles) < 0.21
    spoiled = [call for call in calls if troubles(call)]
    smooth = [call for call in calls if not troubles(call)]
    assert share(spoiled, lambda c: c.outcome.label == "fail") > 3 * share(smooth, lambda c: c.outcome.label == "fail")


def test_a_write_is_seen_twice_only_where_it_was_meant_to_be(calls: list[Conversation]) -> None:
    for call in calls:
        writes = [use for use in call.tool_calls if use.write and use.status == "succeeded"]
        by_arguments = {write_json([use.name, use.args]) for use in writes}
        by_key = {use.idempotency_key for use in writes}
        # Both ways to know a repeated write must agree: the join uses either.
        assert len(by_arguments) == len(by_key) == len(writes) - len(duplicated(call))
        assert len(duplicated(call)) <= 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_demo_s_four_hundred_calls_hold_every_trouble(seed: int) -> None:
    seen = Counter(trouble for call in generate(400, seed) for trouble in troubles(call))
    assert set(seen) == {"failed_flag", "failed_text", "timed_out", "invalid_result", "duplicated_write"}
    assert min(seen.values()) >= 2


def test_a_time_out_takes_its_time_and_is_heard_as_silence(calls: list[Conversation]) -> None:
    late = [(call, use) for call in calls for use in call.tool_calls if use.status == "timed_out"]
    assert late
    for call, use in late:
        assert (use.latency_ms or 0) >= TIMEOUT_MS
        assert call.measures["maxSilenceMs"] >= (use.latency_ms or 0)
    assert {use.retries for call in calls for use in call.tool_calls} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("name", "beyond"),
    [
        ("minAsrConfidence", lambda value: value < 0.6),
        ("minIntentConfidence", lambda value: value < 0.5),
        ("maxSilenceMs", lambda value: value > 5_000),
        ("p95ResponseMs", lambda value: value > 3_000),
        ("interruptions", lambda value: value > 5),
    ],
)
def test_measures_are_mostly_fine(calls: list[Conversation], name: str, beyond: Any) -> None:
    assert 0.005 < share(calls, lambda call: beyond(call.measures[name])) < 0.09


def test_measures_are_those_of_the_contract(calls: list[Conversation]) -> None:
    for call in calls:
        assert Measures.model_validate(call.measures).min_asr_confidence == call.measures["minAsrConfidence"]
    assert {len(call.measures) for call in calls} == {6}


def test_flags_and_reports_are_rare_and_flags_are_judged(calls: list[Conversation]) -> None:
    assert 0.008 < share(calls, lambda call: call.policy_flags) < 0.035
    assert 0.008 < share(calls, lambda call: call.reported) < 0.035
    # A flag is raised by an evaluation: one without would be lost on its way.
    assert all(call.outcome.label for call in calls if call.policy_flags)


def test_every_call_survives_json(calls: list[Conversation]) -> None:
    for number, call in enumerate(calls, start=1):
        line = write_json(call.model_dump(mode="json"))
        assert b"\n" not in line
        assert parse_line(line, f"generated:{number}") == call


def test_phones_and_emails_are_fictional_and_never_spoken(calls: list[Conversation]) -> None:
    arguments = [use.args for call in calls for use in call.tool_calls]
    phones = [argument["phone"] for argument in arguments if "phone" in argument]
    emails = [argument["confirmTo"] for argument in arguments if "confirmTo" in argument]
    assert phones
    assert all("-555-01" in phone for phone in phones)
    assert emails
    assert all(email.endswith("@example.com") for email in emails)
    assert not [turn for call in calls for turn in call.turns if "@" in turn.text or "555-" in turn.text]


def test_ten_thousand_calls_take_less_than_three_seconds_of_work() -> None:
    def measured() -> float:
        begun = time.process_time()
        assert len(generate(1_000, 5)) == 1_000
        return time.process_time() - begun

    # A tenth at a time, and the best of up to 20: a busy machine slows some of them, slow code slows all.
    assert any(measured() < 0.3 for _ in range(20))
