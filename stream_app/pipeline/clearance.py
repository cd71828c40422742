"""The only place where the sealer has a transcript made safe to show: redacted here or by its provider, and searched.

What cannot be cleared is named as missing (`redaction_failed`): a raw transcript never takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stream_app.core.artifacts import Stored, stored
from stream_app.core.canonical import canonical_bytes
from stream_app.core.orders import Missing
from stream_app.core.packet import RedactionNote
from stream_app.core.sources import missing
from stream_app.core.wire import Json
from stream_app.pipeline.ports import Cleared, RedactionFailed, Redactor
from stream_app.pipeline.source_reader import Found


@dataclass(frozen=True, slots=True)
class Clearance:
    """The bytes that may be stored as the transcript, and what a packet says of them."""

    body: bytes
    cleared: Cleared | None = None
    """None: nothing was searched, for there is no redactor, or the document is for the transcript gate to refuse."""

    @property
    def leaks(self) -> tuple[str, ...]:
        """What forbids that it leaves."""
        return self.cleared.leaks if self.cleared is not None else ()

    def note(self, report: Stored | None) -> RedactionNote | None:
        """Who redacted it, and with what. `report` is the report as it is stored."""
        if self.cleared is None:
            return None
        made = self.cleared.report
        if made is None or report is None:
            return RedactionNote(by="provider")
        return RedactionNote(
            by="us",
            engine=made.engine,
            version=made.version,
            model=made.model,
            counts=made.counts,
            report_uri=report.artifact.uri,
        )

    def report(self, bucket: str, retention_class: str) -> Stored | None:
        """The report as an artifact: places and counts, never values. None where nothing was masked here."""
        if self.cleared is None or self.cleared.report is None:
            return None
        body = canonical_bytes({"schemaVersion": 1, **msgspec.to_builtins(self.cleared.report)})
        return stored("redactionReport", body, bucket=bucket, retention_class=retention_class)


async def clear(redactor: Redactor | None, found: Found, values: Sequence[Json]) -> Clearance | Missing:
    """Clear one transcript that was read. Without a redactor only what is stated to be redacted gets here."""
    assert found.body is not None
    stated = found.source.reference.redaction_state == "redacted"
    if redactor is None:
        return Clearance(found.body)
    try:
        cleared = await redactor.clear(found.body, values, stated_redacted=stated)
    except RedactionFailed as error:
        if stated and error.reason == "unreadable":
            return Clearance(found.body)  # The transcript gate says what is wrong with it, and blocks.
        return missing("transcript", "redaction_failed", f"{error.reason}: {error.detail}")
    return Clearance(cleared.body, cleared)
