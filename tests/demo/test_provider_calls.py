"""The calls of `demo-providers`: every payload is one that its adapter takes, and together they name one call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_app.demo.provider_calls import SampleError, own_calls, sample_calls
from stream_app.providers.adapter import Delivery, Normalised
from stream_app.providers.registry import normalize, provider_named
from tests.providers.samples import PUBLIC

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize("call", own_calls(NOW_MS), ids=lambda call: call.call_id)
def test_every_payload_is_taken_and_all_names_are_said_by_somebody(call: object) -> None:
    assert hasattr(call, "sent")
    said: dict[str, set[str]] = {}
    for one in call.sent:
        made = normalize(provider_named(one.provider), Delivery(one.document, one.provider, NOW_MS))
        if isinstance(made, Normalised):
            for event in made.events:
                for scheme, value in event.aliases.items():
                    said.setdefault(scheme, set()).add(value)
        else:
            assert made.reason == "nothing_to_report", made
    assert all(said[scheme] == {value} for scheme, value in call.aliases.items())


def test_own_calls_need_more_than_one_provider_to_be_known() -> None:
    for call in own_calls(NOW_MS):
        assert len({one.provider for one in call.sent}) >= 3
        assert {one.via for one in call.sent} == {"webhook", "record"}


def test_a_sample_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no \.json files"):
        sample_calls(tmp_path)
    (tmp_path / "one.json").write_text(json.dumps({"events": []}))
    with pytest.raises(SampleError, match=r"one\.json: KeyError"):
        sample_calls(tmp_path)


def test_the_public_sample_is_read() -> None:
    if not (PUBLIC / "joins").is_dir():
        pytest.skip(f"{PUBLIC / 'joins'} is not here")
    (call, *_) = sample_calls(PUBLIC / "joins")
    assert (call.call_id, call.tools, call.failed_tools) == ("call-7f3c2a10", 2, 1)
    assert call.aliases["twilioCallSid"].startswith("CA")
    assert {one.provider for one in call.sent} == {"twilio", "livekit", "otel"}
