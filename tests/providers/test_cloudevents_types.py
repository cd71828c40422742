"""The last words of a type say which event it is."""

from __future__ import annotations

import pytest

from stream_app.providers.cloudevents_types import kind_of, silent


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("com.example.voice.call.ended.v1", "call-ended"),
        ("call-evidence-stream.call-ended.v1", "call-ended"),
        ("com.example.CallEnded/2.1", "call-ended"),
        ("com.example.voice.tool.call.ended", "tool-call"),
        ("urn:example:evaluation_completed", "evaluation-completed"),
        ("call.ended.too.late", None),
        ("recall.ended", None),
        ("", None),
    ],
)
def test_a_type_means_what_it_ends_with(type: str, kind: str | None) -> None:
    found = kind_of(type)
    assert (None if found is None else found.name) == kind


def test_a_type_can_tell_of_a_call_that_goes_on() -> None:
    assert silent("com.example.voice.call.ringing.v1")
    assert not silent("com.example.billing.started")
