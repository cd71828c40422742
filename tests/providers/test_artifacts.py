"""Recordings and transcripts at links: kept bare, or put away where a link expires or says too much."""

from __future__ import annotations

import pytest

from stream_app.providers import artifacts
from stream_app.providers.adapter import Delivery, Refused

DELIVERY = Delivery({"from": "+15005550006"}, "twilio", 1_790_000_000_000)
LINK = "https://api.example.org/recordings/RE1.wav"


def test_a_link_that_lasts_is_a_reference_and_nothing_is_put_away() -> None:
    reference, blobs = artifacts.at_link(DELIVERY, LINK, media_type="audio/wav")
    assert (reference.uri, reference.redaction_state, blobs) == (LINK, "unknown", ())


@pytest.mark.parametrize(
    "link", [f"{LINK}?X-Amz-Signature=abc", f"{LINK}?id=4", "https://u:p@example.org/a", f"{LINK}/15005550006.wav"]
)
def test_a_link_that_expires_or_says_too_much_is_put_away(link: str) -> None:
    reference, (blob,) = artifacts.at_link(DELIVERY, link)
    assert reference.uri == blob.uri
    assert reference.uri.startswith("staging://link/")
    assert blob.link == link


def test_what_the_provider_calls_expiring_is() -> None:
    assert artifacts.at_link(DELIVERY, LINK, expiring=True)[1]


@pytest.mark.parametrize(
    "link", ["", "file:///etc/passwd", "javascript:1", "https://", "http://[::1", "https://a/" + "x" * 3000]
)
def test_what_is_no_link_is_refused(link: str) -> None:
    with pytest.raises(Refused) as refused:
        artifacts.at_link(DELIVERY, link)
    assert refused.value.reason == "invalid_value"


def test_there_and_never_are_two_words() -> None:
    reference, _ = artifacts.at_link(DELIVERY, LINK)
    there = artifacts.ready(DELIVERY, "recording", reference, id="r", at_ms=1_789_000_000_000, canonical_call_id="c")
    never = artifacts.never(DELIVERY, "recording", "off", id="n", at_ms=1_789_000_000_000, canonical_call_id="c")
    assert (there.availability, there.reason) == ("ready", None)
    assert (never.availability, never.reference, never.reason) == ("never", None, "off")
