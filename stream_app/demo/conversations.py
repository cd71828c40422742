"""The only place for the neutral form of a conversation: one JSON object a line, whoever recorded it.

Turns and tool calls may lack times, a call may lack its start and end: the converter spreads what has no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream_app.core.instants import Instant
from stream_app.core.wire import WireError, read_json

_LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?")

SHOWN_ERRORS = 20

LONGEST_MS = 24 * 3_600_000
"""No call is longer than a day: such a figure is in another unit, and its recording would fill the memory."""


class ConversationError(Exception):
    """A line that is not a conversation; says which file, which line and what is wrong."""


class _Neutral(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Turn(_Neutral):
    """One thing said. `t_ms` counts from the start of the call."""

    speaker: str
    text: str
    t_ms: int | None = Field(default=None, ge=0, le=LONGEST_MS)


class ToolUse(_Neutral):
    """One tool call. IDs may repeat across calls and inside one."""

    id: str | None = None
    name: str
    args: Any = None
    result: Any = None
    is_error: bool | None = None
    error: str | None = None
    status: str | None = None
    """succeeded, failed, timed_out or invalid_result, where the data says so itself."""
    latency_ms: int | None = Field(default=None, ge=0)
    retries: int = Field(default=0, ge=0)
    write: bool | None = None
    idempotency_key: str | None = None
    t_ms: int | None = Field(default=None, ge=0, le=LONGEST_MS)
    turn_i: int | None = None


class Verdict(_Neutral):
    """The data's own outcome: how the call was judged, if it was. `label` pass or fail, `score` where there is one."""

    kind: str = "none"
    label: str | None = None
    score: float | None = None
    reward: float | None = None


class Conversation(_Neutral):
    """One call as a data set or our generator tells it."""

    call_id: str = Field(min_length=1, max_length=200)
    source: str = "unknown"
    agent_version: str | None = None
    agent_id: str | None = None
    queue: str | None = None
    language: str | None = None
    cohort: str | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    duration_ms: int | None = Field(default=None, ge=0, le=LONGEST_MS)
    end_reason: str | None = None
    turns: tuple[Turn, ...] = ()
    tool_calls: tuple[ToolUse, ...] = ()
    outcome: Verdict = Verdict()
    measures: dict[str, Any] = Field(default_factory=dict)
    """As in call-ended: minAsrConfidence, maxSilenceMs, p95ResponseMs, ..."""
    policy_flags: tuple[str, ...] = ()
    reported: bool = False
    """Whether a customer named this call."""
    unproved: bool | None = None
    """Whether the agent says that it changed something, and no tool of its did; None: nobody says."""

    @model_validator(mode="after")
    def _not_longer_than_a_day(self) -> Self:
        if self.started_at is not None and self.ended_at is not None and self.ended_at - self.started_at > LONGEST_MS:
            raise ValueError("ended_at lies more than a day after started_at")
        return self


def read_conversations(paths: list[Path]) -> Iterator[Conversation]:
    """Every conversation in the files, in order; the good lines first, then one error that names the bad ones.

    A call ID that comes again is bad too: two calls under one name would be joined into one. Raises ConversationError,
    a line for each of the first 20 bad lines with its file and number; OSError.
    """
    places: dict[str, str] = {}
    bad: list[str] = []
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                where = f"{path.name}:{number}"
                try:
                    told = parse_line(line, where)
                except ConversationError as error:
                    bad.append(str(error))
                    continue
                first = places.setdefault(told.call_id, where)
                if first == where:
                    yield told
                else:
                    bad.append(f"{where}: call_id {told.call_id!r} already stands at {first}")
    if bad:
        more = [f"and {len(bad) - SHOWN_ERRORS} more bad lines"] if len(bad) > SHOWN_ERRORS else []
        raise ConversationError("\n".join(bad[:SHOWN_ERRORS] + more))


def parse_line(line: bytes, where: str) -> Conversation:
    """One line as a conversation. Raises ConversationError."""
    try:
        document = read_json(line)
        if not isinstance(document, dict):
            raise ConversationError(f"{where}: not a JSON object")
        for field in ("started_at", "ended_at"):  # Some data sets write local times without an offset: take UTC.
            text = document.get(field)
            if isinstance(text, str) and _LOCAL_TIME.fullmatch(text):
                document[field] = text + "Z"
        return Conversation.model_validate(document)
    except WireError as error:
        raise ConversationError(f"{where}: {error.detail}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the call"
        raise ConversationError(f"{where}: {place}: {first['msg']}") from None
