"""The only place that reads files of conversations to their end and says of every line why it cannot be played.

A call that stands there twice, or an event that intake would refuse, would come out as a fault of the line; it is a
fault of the file, and is named before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream_app.core.dead_letters import DeadLetter
from stream_app.demo.conversations import Conversation, ConversationError, parse_line
from stream_app.demo.convert import ConvertedCall, canonical_id, convert, duration_of
from stream_app.demo.replay import Scheduled, record_of
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS

LONGEST_MS = 24 * 3_600_000
"""No call lasts longer than a day: such a figure is in another unit."""
_ANY_DATE_MS = 1_780_000_000_000
_ANY_SPEED = 50.0


@dataclass
class Reading:
    """What files of conversations hold; `calls` may be played when `problems` is empty."""

    calls: list[ConvertedCall] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """`file:line: what is wrong`, in the order of the files."""


def read_calls(paths: Sequence[Path], seed: int, *, complete: bool = False) -> Reading:
    """Read and convert every line of every file. Raises OSError where a file cannot be read."""
    reading = Reading()
    first_seen: dict[str, str] = {}
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    _take(line, f"{path.name}:{number}", reading, first_seen, seed, complete)
    return reading


def _take(line: bytes, where: str, reading: Reading, first_seen: dict[str, str], seed: int, complete: bool) -> None:
    try:
        told = parse_line(line, where)
    except ConversationError as error:
        reading.problems.append(str(error))
        return
    # By our ID, not by theirs: `a b` and `a-b` would be one call to the line.
    known = first_seen.setdefault(canonical_id(told), where)
    if known != where:
        reading.problems.append(f"{where}: call_id {told.call_id!r} is taken: {known} is the same call")
        return
    impossible = _impossible(told)
    if impossible:
        reading.problems.append(f"{where}: {impossible}")
        return
    call = convert(told, seed, complete=complete)
    reading.problems += [f"{where}: {refusal}" for refusal in dict.fromkeys(refusals(call))]
    reading.calls.append(call)


def _impossible(told: Conversation) -> str | None:
    if told.started_at is not None and told.ended_at is not None and told.ended_at < told.started_at:
        return "ended_at lies before started_at"
    if duration_of(told) > LONGEST_MS:
        return f"the call lasts {duration_of(told)} ms, more than a day; times are in milliseconds"
    return None


def refusals(call: ConvertedCall) -> list[str]:
    """Why intake, as it runs in production, would refuse events of this call; empty when it takes them all."""
    found = []
    intake = Intake(Settings.model_fields["max_event_bytes"].default)
    for event in call.events:
        key, value, headers = record_of(Scheduled(0.0, call, event, 0.0), _ANY_DATE_MS, _ANY_SPEED)
        effects = intake.handle(Incoming(event.topic, 0, 0, _ANY_DATE_MS, key, value, headers))
        for sent in effects.sends:
            if sent.topic == DEAD_LETTERS.name:
                letter = DeadLetter.model_validate_json(sent.value or b"")
                found.append(f"intake would refuse its {event.topic} event: {letter.reason}: {letter.detail}")
    return found
