"""The only place for speaker turns of transcripts that came inline: who spoke, what, and from when.

Providers list turns in the order in which they were recognised, which is not always the order in which they began; a
transcript that goes back in time is not shown. Prompts and tool payloads are no turns: only speakers come in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LABELLED = re.compile(
    r"\s*(AI|Assistant|Bot|Agent|User|Customer|Caller|Human|Transfer Target)\s*:\s*(.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said at one time."""

    speaker: str
    text: str
    start_ms: int | None = None


def document_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """The transcript, in a shape of `core.transcripts`; a turn without a time stays behind the one it followed."""
    latest, placed = 0, []
    for turn in turns:
        latest = latest if turn.start_ms is None else turn.start_ms
        placed.append((latest, turn))
    placed.sort(key=lambda one: one[0])
    return {
        "turns": [
            {"speaker": turn.speaker, "text": turn.text} | ({} if turn.start_ms is None else {"startMs": turn.start_ms})
            for _, turn in placed
        ]
    }


def of_text(transcript: Any) -> list[Turn]:
    """Turns of a text whose lines begin with `Agent:` or `User:`; none where no line does."""
    found: list[Turn] = []
    for line in transcript.splitlines() if isinstance(transcript, str) else ():
        if (match := _LABELLED.fullmatch(line)) is not None:
            found.append(Turn(match[1].lower(), match[2].strip()))
        elif found and line.strip():
            found[-1] = Turn(found[-1].speaker, f"{found[-1].text}\n{line.strip()}".strip())
    return [turn for turn in found if turn.text]
