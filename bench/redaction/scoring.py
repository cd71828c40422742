"""The only place that scores spans: recall over labelled ones (9 in 10 of their letters and digits), and precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from stream_app.core.redaction.spans import Span

IGNORED = "IGNORE"
"""Labels that count neither way (organisations, dates of the day)."""
NOT_STRUCTURED = frozenset(("PERSON", "ADDRESS", "CITY"))


@dataclass(frozen=True, slots=True)
class Gold:
    """A turn with its labels: (start, end, type, form)."""

    speaker: str
    text: str
    spans: tuple[tuple[int, int, str, str], ...]


@dataclass(slots=True)
class Score:
    """Counts of a set."""

    found: Counter[str] = field(default_factory=Counter)
    labelled: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0

    def recall(self, structured_only: bool = False) -> float:
        """Percent of labelled spans that are masked."""
        kinds = [kind for kind in self.labelled if not (structured_only and kind in NOT_STRUCTURED)]
        total = sum(self.labelled[kind] for kind in kinds)
        return 100.0 * sum(self.found[kind] for kind in kinds) / total if total else 100.0

    def precision(self) -> float:
        """Percent of masked spans that lie mostly on labelled ones."""
        return 100.0 * self.right / (self.right + self.wrong) if self.right + self.wrong else 100.0

    def add(self, turn: Gold, spans: Sequence[Span]) -> None:
        """Count one turn."""
        masked = {place for span in spans for place in range(span.start, span.end)}
        gold: set[int] = set()
        for start, end, kind, _ in turn.spans:
            places = [place for place in range(start, end) if turn.text[place].isalnum()]
            gold.update(range(start, end))
            if kind != IGNORED:
                self.labelled[kind] += 1
                self.found[kind] += sum(place in masked for place in places) >= 0.9 * len(places)
        for span in spans:
            places = [place for place in range(span.start, span.end) if turn.text[place].isalnum()]
            if sum(place in gold for place in places) >= 0.5 * len(places):
                self.right += 1
            else:
                self.wrong += 1
