"""What becomes of one transcript before it may be stored: cleared, missing, or left to the transcript gate."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from stream_app.core.events import Reference
from stream_app.core.orders import Missing
from stream_app.core.redaction.transcript import Report
from stream_app.core.sources import Source
from stream_app.pipeline.clearance import Clearance, clear
from stream_app.pipeline.ports import Cleared, RedactionFailed
from stream_app.pipeline.source_reader import Found

REPORT = Report("engine", "1", None, {"PHONE": 1}, (), (), {"how": "here"})


class Stub:
    """Answers as told."""

    def __init__(self, answer: Cleared | RedactionFailed) -> None:
        self.answer = answer

    async def clear(self, body: bytes, values: Sequence[Any], *, stated_redacted: bool) -> Cleared:
        if isinstance(self.answer, RedactionFailed):
            raise self.answer
        return self.answer


def found(state: Any = "unredacted", body: bytes = b"{}") -> Found:
    reference = Reference(uri="s3://b/k", redaction_state=state)
    return Found(Source("transcript", reference, "e"), sha256(body).hexdigest(), len(body), body)


async def test_ours_has_a_note_and_a_report() -> None:
    clearance = await clear(Stub(Cleared(b"[]", REPORT, ())), found(), [])
    assert isinstance(clearance, Clearance)
    report = clearance.report("packets", "r")
    assert report is not None
    note = clearance.note(report)
    assert note is not None
    assert (note.by, note.counts, note.report_uri) == ("us", {"PHONE": 1}, report.artifact.uri)
    assert clearance.body == b"[]"


async def test_a_providers_passes_as_it_came() -> None:
    clearance = await clear(Stub(Cleared(b"{}", None, ("PHONE in turn 1",))), found("redacted"), [])
    assert isinstance(clearance, Clearance)
    assert (clearance.report("packets", "r"), clearance.leaks) == (None, ("PHONE in turn 1",))
    note = clearance.note(None)
    assert note is not None
    assert note.by == "provider"


async def test_a_failure_is_missing_and_never_the_raw_one() -> None:
    for reason in ("timeout", "crashed", "unreadable"):
        answer = await clear(Stub(RedactionFailed(reason, "told")), found(), [])
        assert isinstance(answer, Missing)
        assert (answer.kind, answer.reason, answer.detail) == ("transcript", "redaction_failed", f"{reason}: told")


async def test_what_its_provider_calls_redacted_and_nobody_can_read_goes_to_the_gate() -> None:
    answer = await clear(Stub(RedactionFailed("unreadable", "told")), found("redacted"), [])
    assert answer == Clearance(b"{}")
    assert isinstance(await clear(Stub(RedactionFailed("timeout", "told")), found("redacted"), []), Missing)
