"""The story that golden files tell: a line with every kind of state open, and what comes after it."""

from __future__ import annotations

from typing import Any

from tests import stories
from tests.stories import MINUTE, SECOND, START_MS

OPEN = 6
"""Calls that wait for one more piece each."""


def before() -> list[tuple[int, list[dict[str, Any]]]]:
    """(ms to let pass first, events) of everything that the old release saw."""
    links = {"livekitRoom": "room-0", "sipCallId": "sip-0"}
    return [
        (0, [stories.tool("early-tool", call=None, aliases={"livekitRoom": "room-0"}, status="failed")]),
        (SECOND, [_ended(number) for number in range(OPEN)]),
        (0, [stories.event("identity-linked", "link-0", call="call-0", aliases=links)]),
        (0, [stories.evaluation(f"judged-{number}", call=f"call-{number}", failed=True) for number in range(OPEN)]),
        (0, [stories.artifact("log", "bridge", call=None, aliases={"livekitRoom": "room-0", "livekitEgress": "e-0"})]),
        # Complete at once, then late evidence that settles, a repeat, a conflict.
        (0, _whole("done") + _whole("late") + _whole("torn")),
        (0, [stories.evaluation("torn-judged", call="torn", failed=True, score=0.25)]),
        (0, [stories.evaluation("done-judged", call="done", failed=True)]),
        # Nothing is wrong with it (yet); nobody says that it ended; its name is nobody's.
        (0, [_ended_as("fine"), stories.evaluation("fine-judged", call="fine")]),
        (0, [stories.tool("lost-tool", call="lost", status="timed_out")]),
        (0, [stories.tool("parked-tool", call=None, aliases={"twilioCallSid": "CA7"}, number=2)]),
        (70 * SECOND, []),  # Past the soft threshold: alerts for what is stuck.
        (0, [stories.artifact("log", "late-log", call="late", at=START_MS + 70 * SECOND)]),
        (SECOND, []),  # Shorter than the settling time.
    ]


def after() -> list[tuple[int, list[dict[str, Any]]]]:
    """(ms to let pass first, events) of everything that only the new release sees."""
    return [
        (0, [stories.trace(f"traced-{n}", call=f"call-{n}", traceId=f"{n + 1:032x}") for n in range(OPEN - 2)]),
        (0, [stories.evaluation("judged-1", call="call-1", failed=True)]),
        (SECOND, [stories.event("identity-linked", "link-7", call="call-4", aliases={"twilioCallSid": "CA7"})]),
        (0, [stories.artifact("log", "under-another-name", call=None, aliases={"livekitEgress": "e-0"})]),
        (20 * SECOND, [stories.event("call-reported", "fine-report", call="fine", at=START_MS + 90 * SECOND)]),
        (15 * MINUTE, []),  # The deadline of whatever is still open.
        (MINUTE, [stories.artifact("log", "done-log", call="done", at=START_MS + 16 * MINUTE)]),
        (10 * MINUTE, []),
    ]


def _ended_as(call: str, **fields: Any) -> dict[str, Any]:
    return stories.call_ended(f"{call}-ended", call=call, **fields)


def _ended(number: int) -> dict[str, Any]:
    return _ended_as(f"call-{number}", aliases={"livekitRoom": f"room-{number}"})


def _whole(call: str) -> list[dict[str, Any]]:
    trace = {"done": "d0", "late": "1a", "torn": "70"}[call] * 16
    return [
        _ended_as(call),
        stories.evaluation(f"{call}-judged", call=call, failed=True),
        stories.trace(f"{call}-traced", call=call, traceId=trace),
    ]
