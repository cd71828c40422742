"""The only place for reading transcripts: which shapes are known, and whether one has ordered speaker turns.

A shape is a list of turns, bare or under a known name; a turn names its speaker, its text and mostly its start. The
shapes are those of our own contract, Contact Lens (`Transcript[]`), Vapi (`messages[]`), Retell (`transcript_object`)
and ElevenLabs (`transcript[]`). Nothing is rewritten: a packet carries the bytes that came.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_app.core.claims import Said
from stream_app.core.wire import Json, WireError, read_json

MAX_TRANSCRIPT_BYTES = 32 << 20
"""A transcript is held in memory once; a day of speech takes about 2 MiB."""

CONTAINERS = ("turns", "Transcript", "transcript_object", "transcript", "messages")
"""Names under which a document keeps its turns, tried in this order."""

SPEAKERS = ("speaker", "role", "ParticipantRole", "ParticipantId", "participant")
TEXTS = ("text", "content", "Content", "message")
STARTS: tuple[tuple[str, float], ...] = (
    ("startMs", 1.0),
    ("BeginOffsetMillis", 1.0),
    ("start", 1000.0),
    ("secondsFromStart", 1000.0),
    ("time_in_call_secs", 1000.0),
)
"""Where a turn says when it begins, and how many ms its unit is."""


@dataclass(frozen=True, slots=True)
class TranscriptReport:
    """What a transcript turned out to be. No problems: it may be shown. Problems never quote the transcript."""

    turns: int = 0
    speakers: int = 0
    problems: tuple[str, ...] = ()
    said: tuple[Said, ...] = field(default=(), repr=False)
    """What was said, turn by turn; it never leaves with a packet."""


def examine(body: bytes) -> TranscriptReport:
    """Read a transcript that its producer calls redacted."""
    try:
        document = read_json(body)
    except WireError as error:
        return TranscriptReport(problems=(f"the transcript is not readable JSON ({error.reason})",))
    if _says_raw(document):
        return TranscriptReport(problems=("the transcript calls itself raw, its reference calls it redacted",))
    turns = _turns(document)
    if turns is None:
        return TranscriptReport(problems=("the transcript has no list of turns that we know",))
    if not turns:
        return TranscriptReport(problems=("the transcript has no turns",))
    speakers: set[str] = set()
    said: list[Said] = []
    latest: float | None = None
    for number, turn in enumerate(turns, start=1):
        speaker = _first_text(turn, SPEAKERS)
        text = _first_text(turn, TEXTS)
        if not speaker or text is None:
            return TranscriptReport(len(turns), problems=(f"turn {number} lacks its speaker or its text",))
        speakers.add(speaker)
        said.append(Said(speaker, text))
        begins = _start(turn)
        if begins is not None and latest is not None and begins < latest:
            return TranscriptReport(len(turns), problems=(f"turn {number} begins before the one above it",))
        latest = begins if begins is not None else latest
    return TranscriptReport(len(turns), len(speakers), said=tuple(said))


def _says_raw(document: Json) -> bool:
    """Contact Lens writes raw and redacted output in the same shape and says here which one it is."""
    metadata = document.get("ContentMetadata") if isinstance(document, dict) else None
    return isinstance(metadata, dict) and metadata.get("Output", "Redacted") != "Redacted"


def _turns(document: Json) -> list[Json] | None:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in CONTAINERS:
            if isinstance(document.get(name), list):
                turns: list[Json] = document[name]
                return turns
    return None


def _first_text(turn: Json, names: tuple[str, ...]) -> str | None:
    if not isinstance(turn, dict):
        return None
    return next((turn[name] for name in names if isinstance(turn.get(name), str)), None)


def _start(turn: dict[str, Json]) -> float | None:
    for name, unit in STARTS:
        value = turn.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value * unit
    return None
