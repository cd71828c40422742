"""The only place for what the judge found: violations by heading, and the one table that shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

HEADINGS = (
    "lost",
    "duplicated",
    "wrong status",
    "wrong content",
    "pending rows after drain",
    "unmarked packets",
    "unaccounted inputs",
    "offset ahead of effects",
)
"""What must be 0, in the order of the table."""

SHOWN = 12


@dataclass
class Report:
    """What was judged, and each violation as one line under its heading."""

    found: dict[str, list[str]] = field(default_factory=lambda: {heading: [] for heading in HEADINGS})
    counts: dict[str, int] = field(default_factory=dict)
    """What there was to judge: so that an empty table cannot pass for a good one."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""

    def add(self, heading: str, line: str) -> None:
        """One violation."""
        self.found[heading].append(line)

    @property
    def good(self) -> bool:
        """Whether nothing was violated."""
        return not any(self.found.values())

    def table(self) -> str:
        """The table, each violation below it."""
        rows = [(heading, str(len(self.found[heading]))) for heading in HEADINGS]
        width = max(len(heading) for heading in HEADINGS)
        lines = [f"{name}: {count}" for name, count in self.counts.items()]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"{'must be 0':<{width}}  found", "-" * (width + 7)]
        lines += [f"{heading:<{width}}  {count:>5}" for heading, count in rows]
        for heading in HEADINGS:
            violations = self.found[heading]
            lines += [f"{heading}: {line}" for line in violations[:SHOWN]]
            if len(violations) > SHOWN:
                lines.append(f"{heading}: and {len(violations) - SHOWN} more (--json names all)")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {"good": self.good, "counts": self.counts, "notes": self.notes, "violations": self.found}
