"""The only place that makes up calls: realistic, fictional and seeded, so that the demo needs no foreign data.

Each call is drawn from a generator of its own, seeded by (seed, number): the same call comes out in every process, and
a longer run begins with the shorter one. Shares below are of all calls.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stream_app.core.instants import parse_instant
from stream_app.demo.conversations import Conversation, ToolUse, Turn, Verdict
from stream_app.demo.errands import TROUBLES, WRITES, Caller, Draft, Trouble, draw_caller, run_errand
from stream_app.demo.scripts import SCRIPTS, Errand, Script

_T = TypeVar("_T")

SOURCE = "generated"
FIRST_START_MS = parse_instant("2026-06-03T06:00:00Z")
MIN_DURATION_MS, MAX_DURATION_MS = 40_000, 400_000
MIN_TURNS = 6

TROUBLE_SHARE = 0.18
UNJUDGED_SHARE = 0.05
FAIL_SHARE_IN_TROUBLE, FAIL_SHARE_ELSE = 0.55, 0.09
"""Of the judged and unjudged calls together these make 17 %: trouble often, but not always, spoils a call."""
FLAG_SHARE = 0.02
REPORT_SHARE_FAILED, REPORT_SHARE_ELSE = 0.06, 0.012

COHORTS = ("launch-june", "returning", "control", "beta-voices")
POLICY_FLAGS = ("disclosure_missing", "caller_not_verified", "promise_beyond_policy", "card_number_spoken")


@dataclass(frozen=True)
class Agent:
    """One voice agent: its versions, the queues it answers and what it can do."""

    agent_id: str
    versions: tuple[str, ...]
    queues: tuple[str, ...]
    errands: tuple[Errand, ...]


AGENTS: tuple[Agent, ...] = (
    Agent("billing-agent", ("2026-05-20.1", "2026-06-03.2"), ("billing", "billing-priority"), ("balance", "refund")),
    Agent("orders-agent", ("2026-05-28.4", "2026-06-02.1"), ("orders", "returns"), ("order_status", "refund")),
    Agent("booking-agent", ("2026-06-01.1",), ("field-service",), ("booking", "question")),
    Agent("accounts-agent", ("2026-04-30.7", "2026-06-03.1"), ("accounts",), ("address_change", "balance")),
    Agent("frontdesk-agent", ("2026-06-02.5",), ("frontdesk", "overflow"), ("refund", "booking", "question")),
)  # fmt: skip
"""Every agent can write, so that a duplicated write can happen to each."""

END_REASONS: tuple[tuple[str, float], ...] = (
    ("caller_hangup", 0.55), ("agent_hangup", 0.30), ("transferred", 0.10), ("connection_lost", 0.05),
)  # fmt: skip


_SCRIPTS = tuple((script, script.share) for script in SCRIPTS)


@dataclass(frozen=True, slots=True)
class _Said:
    """A turn before it has its time."""

    speaker: str
    text: str


Says = Callable[..., _Said]
"""(speaker, *variants) -> one of the variants, its slots filled."""


def generate(count: int, seed: int) -> list[Conversation]:
    """`count` calls named `call-<seed>-<nnnnn>`, from 00001. Raises ValueError where `count` is negative."""
    if count < 0:
        raise ValueError(f"cannot generate {count} calls: the count must be 0 or more")
    # Everything made here is kept, so a third of the time would go to a collector that can find nothing.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return [_call(seed, number) for number in range(1, count + 1)]
    finally:
        if collecting:
            gc.enable()


def _call(seed: int, number: int) -> Conversation:
    draw = random.Random(f"{seed}:{number}")
    script = _weighted(draw, _SCRIPTS)
    agent = draw.choice(AGENTS)
    caller = draw_caller(draw, script)
    trouble = draw.choice(TROUBLES) if draw.random() < TROUBLE_SHARE else None
    outcome = _verdict(draw, trouble)
    failed = outcome.label == "fail"
    end_reason = _weighted(draw, END_REASONS)
    steps, unproved = _dialogue(draw, script, caller, _errands(draw, agent, trouble), trouble, failed, end_reason)
    turns, tools, duration = _lay_out(draw, steps)
    started = FIRST_START_MS + number * 7_000 + draw.randrange(7_000)
    flagged = outcome.label is not None and draw.random() < FLAG_SHARE / (1 - UNJUDGED_SHARE)
    return Conversation(
        call_id=f"call-{seed}-{number:05d}",
        source=SOURCE,
        agent_id=agent.agent_id,
        agent_version=f"{agent.agent_id}@{draw.choice(agent.versions)}",
        queue=draw.choice(agent.queues),
        language=script.language,
        cohort=draw.choice(COHORTS),
        started_at=started,
        ended_at=started + duration,
        duration_ms=duration,
        end_reason=end_reason,
        turns=tuple(turns),
        tool_calls=tuple(tools),
        outcome=outcome,
        measures=_measures(draw, max((use.latency_ms or 0 for use in tools), default=0)),
        policy_flags=(draw.choice(POLICY_FLAGS),) if flagged else (),
        reported=draw.random() < (REPORT_SHARE_FAILED if failed else REPORT_SHARE_ELSE),
        unproved=unproved,
    )


def _weighted(draw: random.Random, choices: Sequence[tuple[_T, float]]) -> _T:
    """One of the choices by its share; the shares add up to 1."""
    point = draw.random()
    for choice, share in choices:
        if point < share:
            return choice
        point -= share
    return choices[-1][0]


def _verdict(draw: random.Random, trouble: Trouble | None) -> Verdict:
    if draw.random() < UNJUDGED_SHARE:
        return Verdict()
    if draw.random() < (FAIL_SHARE_ELSE if trouble is None else FAIL_SHARE_IN_TROUBLE) / (1 - UNJUDGED_SHARE):
        return Verdict(kind="judge", label="fail", score=draw.randint(0, 45) / 100)
    return Verdict(kind="judge", label="pass", score=draw.randint(70, 100) / 100)


def _errands(draw: random.Random, agent: Agent, trouble: Trouble | None) -> list[Errand]:
    """One or two different errands; the first is where trouble strikes, if it does."""
    if trouble == "duplicated_write":
        fit = [errand for errand in agent.errands if errand in WRITES]
    elif trouble is not None:
        fit = [errand for errand in agent.errands if errand != "question"]
    else:
        fit = list(agent.errands)
    first = draw.choice(fit)
    others = [errand for errand in agent.errands if errand != first]
    # Trouble makes more tool calls: alone, so that no call has more than four.
    return [first, draw.choice(others)] if trouble is None and others and draw.random() < 0.3 else [first]


def _dialogue(
    draw: random.Random, script: Script, caller: Caller, errands: list[Errand], trouble: Trouble | None,
    failed: bool, end_reason: str,
) -> tuple[list[_Said | Draft], bool]:  # fmt: skip
    """What is said and done, in order, without times; and whether a change is claimed that no tool made."""
    slots = caller.slots()

    def says(speaker: str, *variants: str) -> _Said:
        line = variants[0] if len(variants) == 1 else draw.choice(variants)
        return _Said(speaker, line.format_map(slots) if "{" in line else line)

    chat = [[says("agent", asked), says("user", answer)] for asked, answer in draw.sample(script.small_talk, 2)]
    steps: list[_Said | Draft] = [says("agent", *script.greeting)]
    identified = unproved = False
    for position, errand in enumerate(errands):
        lines = script.lines(errand)
        steps.append(says("user", *lines.ask))
        if errand != "question" and not identified:
            identified = True
            steps += [says("agent", script.identify[0]), says("user", script.identify[1])]
        if draw.random() < 0.4 and chat:
            steps += chat.pop()
        uses, done = run_errand(draw, errand, caller, trouble if position == 0 else None)
        # In half of the failed calls the agent claims what its tools did not do, which is what reviewers look for.
        claims = done if not failed else (done or draw.random() < 0.5) and errand != "question"
        steps += [says("agent", lines.check), *uses, says("agent", lines.done if claims else lines.trouble)]
        unproved = unproved or (claims and not done and errand in WRITES)
        pleased = script.content if claims else script.content[-1:]  # The last of them takes bad news too.
        steps.append(says("user", *(script.unhappy if failed else pleased)))
    while chat and (sum(isinstance(step, _Said) for step in steps) < MIN_TURNS or draw.random() < 0.3):
        steps += chat.pop()
    return [*steps, *_ending(script, says, end_reason)], unproved


def _ending(script: Script, says: Says, end_reason: str) -> list[_Said]:
    if end_reason == "connection_lost":
        return []
    if end_reason == "transferred":
        return [says("agent", script.transfer)]
    asked, answer, goodbye = script.closing
    turns = [says("agent", asked), says("user", answer)]
    return [*turns, says("agent", goodbye)] if end_reason == "agent_hangup" else turns


def _lay_out(draw: random.Random, steps: list[_Said | Draft]) -> tuple[list[Turn], list[ToolUse], int]:
    """The steps in time, and the call's duration in ms: a turn's time is its start, a tool call's is its answer."""
    waits = sum(step["latency_ms"] for step in steps if not isinstance(step, _Said))
    weights = [0.5 + draw.random() + len(step.text) / 60 if isinstance(step, _Said) else 0.0 for step in steps]
    wanted = int(sum(weights) * draw.uniform(2_500, 14_000)) + waits
    duration = min(max(wanted, MIN_DURATION_MS), MAX_DURATION_MS)
    per_weight = (duration - waits) / sum(weights)
    tool_id = draw.randint(1, 6)  # Small on purpose: the same IDs come back in call after call.
    clock = 0.0
    turns: list[Turn] = []
    tools: list[ToolUse] = []
    for step, weight in zip(steps, weights, strict=True):
        if isinstance(step, _Said):
            turns.append(Turn(speaker=step.speaker, text=step.text, t_ms=int(clock)))
            clock += weight * per_weight
        else:
            clock += step["latency_ms"]
            place = {"id": f"tc_{tool_id + len(tools)}", "t_ms": int(clock), "turn_i": len(turns) - 1}
            tools.append(ToolUse(**step, **place))
    return turns, tools, duration


def _measures(draw: random.Random, longest_wait_ms: int) -> dict[str, Any]:
    """As in call-ended: mostly fine, a few beyond the default policy's thresholds; waiting for a tool is silence."""

    def mostly(fine: tuple[int, int], poor: tuple[int, int], share: float) -> int:
        return draw.randint(*(poor if draw.random() < share else fine))

    return {
        "minAsrConfidence": mostly((62, 97), (35, 59), 0.03) / 100,
        "minIntentConfidence": mostly((55, 98), (25, 49), 0.02) / 100,
        "maxSilenceMs": max(mostly((400, 4_500), (5_100, 11_000), 0.02), longest_wait_ms),
        "p95ResponseMs": mostly((600, 2_700), (3_100, 6_000), 0.02),
        "interruptions": mostly((0, 4), (6, 11), 0.02),
        "callQuality": {
            "mos": draw.randint(34, 45) / 10, "packetLossPct": draw.randint(0, 12) / 10,
            "jitterMs": draw.randint(2, 30),
        },
    }  # fmt: skip
