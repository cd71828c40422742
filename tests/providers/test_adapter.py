"""Events of a delivery: IDs that name the fact, times of arrival as another report, and refusals that are typed."""

from __future__ import annotations

import json

import pytest

from stream_app.core.events import CallEnded, IdentityLinked
from stream_app.providers.adapter import Blob, Delivery, Refused, event, staged_transcript

DELIVERY = Delivery({}, "vapi/test", 1_790_000_000_000)


def test_an_event_without_a_time_is_another_report_each_time() -> None:
    names = {"aliases": {"vapiCallId": "v"}}
    told = event(IdentityLinked, DELIVERY, id="a", at_ms=1_789_000_000_000, **names)
    assert (told.event_id, told.source) == ("vapi/test:a", "vapi/test")
    untold = event(IdentityLinked, DELIVERY, id="a", at_ms=None, **names)
    assert (untold.event_id, untold.occurred_at) == ("vapi/test:a:1790000000000", 1_790_000_000_000)


def test_an_id_that_is_too_long_is_cut_and_still_one() -> None:
    long, other = (
        event(IdentityLinked, DELIVERY, id="x" * 300 + end, at_ms=1_789_000_000_000, canonical_call_id="c")
        for end in ("1", "2")
    )
    assert len(long.event_id) <= 256
    assert long.event_id != other.event_id


def test_refusals_say_why_and_quote_nothing() -> None:
    with pytest.raises(Refused) as missing:
        event(CallEnded, DELIVERY, id="a", at_ms=1, ended_at=1)
    assert missing.value.reason == "identity_missing"
    with pytest.raises(Refused) as invalid:
        event(CallEnded, DELIVERY, id="a", at_ms=1, ended_at="secret words", canonical_call_id="c")
    assert invalid.value.reason == "invalid_value"
    assert "secret words" not in invalid.value.detail


def test_a_blob_is_named_by_its_content_or_by_its_link_however_it_is_signed() -> None:
    assert Blob("a/b", content=b"x").uri == Blob("c/d", content=b"x").uri
    link = "https://files.example.org/a.wav"
    signed = (f"{link}?X-Amz-Signature=1&X-Amz-Expires=9", f"{link}?X-Amz-Signature=2&X-Amz-Expires=9", link)
    assert len({Blob("a/b", link=one).uri for one in signed}) == 1
    assert Blob("a/b", link=link + "?id=2").uri != Blob("a/b", link=link).uri


def test_an_inline_transcript_is_redacted_only_where_that_is_said() -> None:
    reference, blob = staged_transcript({"turns": []})
    assert (reference.redaction_state, reference.uri) == ("unredacted", blob.uri)
    assert json.loads(blob.content or b"") == {"turns": []}
    assert staged_transcript({"turns": []}, redacted=True)[0].redaction_state == "redacted"
