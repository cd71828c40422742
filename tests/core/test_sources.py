"""Which source objects a packet uses, and which addresses are never asked for."""

from __future__ import annotations

from itertools import permutations

import pytest

from stream_app.core.events import Reference
from stream_app.core.sources import bucket_of, obstacle_to, sources_of
from tests.examples import AUDIO_URI, TRANSCRIPT_URI, changed, contract_order, with_event, without

ALLOWED = ("provider-drop",)


def test_the_contracts_call_has_two_sources() -> None:
    readable, withheld = sources_of(contract_order(), ALLOWED)
    assert [(one.kind, one.reference.uri, one.event_id) for one in readable] == [
        ("transcript", TRANSCRIPT_URI, "evt-01J9Z0"),
        ("recording", AUDIO_URI, "evt-01J9Z3"),
    ]
    assert withheld == ()


@pytest.mark.parametrize("state", ["unredacted", "unknown", "raw_restricted", "aggregate_only"])
def test_what_is_not_stated_to_be_redacted_is_withheld(state: str) -> None:
    reference = {"uri": TRANSCRIPT_URI, "redactionState": state}
    readable, (gap,) = sources_of(with_event(contract_order(), "evt-01J9Z0", transcript=reference), ALLOWED)
    assert [one.kind for one in readable] == ["recording"]
    assert (gap.kind, gap.reason) == ("transcript", "withheld_by_policy")
    assert state in (gap.detail or "")


def test_a_reference_that_says_nothing_of_redaction_is_withheld() -> None:
    order = with_event(contract_order(), "evt-01J9Z0", transcript={"uri": TRANSCRIPT_URI})
    assert [gap.kind for gap in sources_of(order, ALLOWED)[1]] == ["transcript"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://provider-drop/key",
        "file:///etc/passwd",
        "s3://other-bucket/key",
        "s3://provider-drop",
        "s3://provider-drop/",
        "s3:///provider-drop/key",
        "s3://provider-drop/../other/key",
        "s3://provider-drop/a/./b",
        "s3://provider-drop/a//b",
        "s3://provider-drop/..\\other",
        "s3://provider-drop@evil/key",
    ],
)
def test_addresses_outside_the_allowed_buckets_are_withheld_without_being_repeated(uri: str) -> None:
    reference = Reference(uri=uri, redaction_state="redacted")
    told = obstacle_to(reference, ALLOWED)
    assert told is not None
    assert uri not in told


def test_keys_that_providers_really_write_are_taken() -> None:
    assert bucket_of("s3://provider-drop/Analysis/Voice/Redacted/2026/06/03/x_2026-06-03T18:42:31Z.json") == ALLOWED[0]
    assert bucket_of("s3://provider-drop/a.b/..c/d+e=f@g?h") == ALLOWED[0]


def test_of_several_references_the_redacted_then_the_latest_wins_in_every_order() -> None:
    order = contract_order()
    base = next(item for item in order.items if item.kind == "recording")
    found = set()
    variants = []
    for event_id, at, state in (("evt-a", 1, "redacted"), ("evt-b", 2, "redacted"), ("evt-c", 3, "unknown")):
        reference = {"uri": f"s3://provider-drop/{event_id}", "redactionState": state}
        event = {**base.event, "eventId": event_id, "reference": reference}
        variants.append(base.model_copy(update={"event_id": event_id, "occurred_at": at, "event": event}))
    for arrangement in permutations(variants):
        readable, _ = sources_of(changed(without(order, "recording"), items=arrangement), ALLOWED)
        found |= {(one.kind, one.event_id) for one in readable}
    assert found == {("recording", "evt-b")}


def test_artifacts_that_will_never_come_are_no_source() -> None:
    order = with_event(contract_order(), "evt-01J9Z3", availability="never", reference=...)
    readable, withheld = sources_of(order, ALLOWED)
    assert [one.kind for one in readable] == ["transcript"]
    assert withheld == ()


def test_packets_of_figures_only_have_no_sources() -> None:
    order = contract_order()
    review = order.review.model_copy(update={"export_level": "aggregate_only"})
    assert sources_of(changed(order, review=review), ALLOWED) == ((), ())


@pytest.mark.parametrize(
    ("uri", "obstacle"),
    [
        ("https://cdn.example.org/a.wav", None),
        ("https://example.org/a.wav", None),
        ("https://example.org.evil.example/a.wav", "host that is not allowed"),
        ("https://notexample.org/a.wav", "host that is not allowed"),
        ("https://example.org:8443/a.wav", "host that is not allowed"),
        ("https://user@example.org/a.wav", "may give access"),
        ("https://example.org/a.wav?X-Amz-Signature=1", "may give access"),
        ("http://example.org/a.wav", "not an s3://bucket/key"),
        ("file:///srv/drop/a.wav", None),
        ("file:///srv/drop/../a.wav", "outside of the allowed directory"),
        ("file:///srv/drop/%2e%2e/a.wav", "outside of the allowed directory"),
        ("file:///srv/dropped/a.wav", "outside of the allowed directory"),
    ],
)
def test_hosts_and_directories_are_allowed_by_name_and_signed_addresses_never(uri: str, obstacle: str | None) -> None:
    reference = Reference(uri=uri, redaction_state="redacted")
    told = obstacle_to(reference, ("drop", "https://example.org", "file:///srv/drop"))
    assert (told is None) if obstacle is None else (obstacle in (told or "") and uri not in (told or ""))
    assert obstacle_to(reference, ("drop",)) is not None
