"""The only place that redacts a transcript document: its turns are masked, and what may hold the same text is left out.

The copy keeps the shape it came in. Of a turn it keeps the speaker, the text (masked) and times; of the document the
turns alone: providers repeat what was said in fields of their own (`words`, `entities`, summaries).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stream_app.core.redaction.lexicon import words
from stream_app.core.redaction.masks import Masks, masked
from stream_app.core.redaction.spans import Span, Turn
from stream_app.core.transcripts import CONTAINERS, SPEAKERS, STARTS, TEXTS
from stream_app.core.wire import Json, WireError, read_json, write_json

ENDS: tuple[tuple[str, float], ...] = (
    ("endMs", 1.0),
    ("EndOffsetMillis", 1.0),
    ("end", 1000.0),
)
"""Where a turn says when it ends, and how many ms its unit is."""
ROLES = words(
    "agent user customer caller assistant bot ai human system tool function client callee operator a b "
    "agent_0 customer_0 speaker_0 speaker_1 speaker1 speaker2 tool_calls tool_call_result tool_call_invocation"
)
"""Speakers that are no person's name; any other is numbered."""
_KEPT = frozenset((*SPEAKERS, *TEXTS, *(name for name, _ in STARTS), *(name for name, _ in ENDS)))


class NotReadable(Exception):
    """The document is no transcript that we know. Says why, and quotes nothing of it."""


class Counted(msgspec.Struct, frozen=True, rename="camel"):
    """One masked place: `turn` counts from 0, `start` and `end` in characters of the original text."""

    turn: int
    start: int
    end: int
    type: str
    rule: str


class Interval(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the recording in which something personal is said, in ms; as wide as the turns are known."""

    begin_ms: int
    end_ms: int


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """What was done, without a value in it."""

    engine: str
    version: str
    model: str | None
    counts: dict[str, int]
    masks: tuple[Counted, ...]
    audio: tuple[Interval, ...]
    measured: dict[str, Json]


def read_transcript(body: bytes) -> tuple[Json, list[Turn]]:
    """(the document, its turns). Raises NotReadable."""
    try:
        document = read_json(body)
    except WireError as error:
        raise NotReadable(f"it is not readable JSON ({error.reason})") from error
    turns = _turns(document)
    if not turns:
        raise NotReadable("it has no list of turns that we know")
    out: list[Turn] = []
    for number, turn in enumerate(turns, start=1):
        text = _first(turn, TEXTS)
        if text is None or not isinstance(turn, dict):
            raise NotReadable(f"turn {number} has no text")
        speaker = (_first(turn, SPEAKERS) or ("", ""))[1]
        out.append(Turn(speaker.lower(), text[1], _time(turn, STARTS), _time(turn, ENDS)))
    return document, out


def redacted_copy(document: Json, turns: Sequence[Turn], spans: Sequence[Sequence[Span]]) -> bytes:
    """The document in its own shape, masked, with nothing in it but turns. Same input, same bytes."""
    masks = Masks()
    copies: list[Json] = []
    for turn, said, found in zip(_turns(document) or [], turns, spans, strict=True):
        assert isinstance(turn, dict)
        name = (_first(turn, TEXTS) or ("text", ""))[0]
        copy = {key: value for key, value in turn.items() if key in _KEPT - set(TEXTS) and _plain(key, value)}
        for key in SPEAKERS:
            if key in copy and str(copy[key]).lower() not in ROLES:
                copy[key] = masks.of("SPEAKER", str(copy[key]))[1:-1]
        copies.append({**copy, name: masked(said.text, found, masks)})
    if isinstance(document, list):
        return write_json(copies)
    container = next(name for name in CONTAINERS if isinstance(document.get(name), list))
    return write_json({container: copies})


def report_of(
    turns: Sequence[Turn],
    spans: Sequence[Sequence[Span]],
    *,
    version: str,
    model: str | None,
    measured: dict[str, Json],
) -> Report:
    """The report: counts by type, places, audio intervals, and the recall that was measured for this engine."""
    counts: dict[str, int] = {}
    places: list[Counted] = []
    audio: list[Interval] = []
    for number, found in enumerate(spans):
        for span in found:
            counts[span.kind] = counts.get(span.kind, 0) + 1
            places.append(Counted(number, span.start, span.end, span.kind, span.rule))
        interval = _interval(turns, number) if found else None
        if interval is not None:
            if audio and interval.begin_ms <= audio[-1].end_ms:
                audio[-1] = Interval(audio[-1].begin_ms, max(audio[-1].end_ms, interval.end_ms))
            else:
                audio.append(interval)
    return Report(
        "call-evidence-stream", version, model, dict(sorted(counts.items())), tuple(places), tuple(audio), measured
    )


def _interval(turns: Sequence[Turn], number: int) -> Interval | None:
    """From the start of the turn to its end, or to where the next one begins."""
    turn = turns[number]
    if turn.begin_ms is None:
        return None
    end = turn.end_ms
    if end is None and number + 1 < len(turns):
        end = turns[number + 1].begin_ms
    return Interval(turn.begin_ms, end if end is not None and end >= turn.begin_ms else turn.begin_ms + 60_000)


def _turns(document: Json) -> list[Json] | None:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in CONTAINERS:
            found = document.get(name)
            if isinstance(found, list):
                return found
    return None


def _first(turn: Json, names: Sequence[str]) -> tuple[str, str] | None:
    if not isinstance(turn, dict):
        return None
    for name in names:
        value = turn.get(name)
        if isinstance(value, str):
            return name, value
    return None


def _plain(key: str, value: Json) -> bool:
    """Times are numbers, speakers are text."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int | float):
        return key not in SPEAKERS
    return isinstance(value, str) and key in SPEAKERS


def _time(turn: Json, names: Sequence[tuple[str, float]]) -> int | None:
    if isinstance(turn, dict):
        for name, unit in names:
            value = turn.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return round(value * unit)
    return None
