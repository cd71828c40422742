"""The one door: every provider by its name, and a defect of an adapter is a refusal that quotes nothing."""

from __future__ import annotations

import pytest

from stream_app.core.events import CallEnded
from stream_app.providers import registry
from stream_app.providers.adapter import Delivery, Normalised, event
from stream_app.providers.registry import PROVIDERS, Provider, Refusal, normalize, provider_named

DELIVERY = Delivery({"from": "+15005550006"}, "x", 1_790_000_000_000)


def test_providers_are_known_by_name() -> None:
    assert [provider.name for provider in PROVIDERS] == [
        "twilio", "connect", "livekit", "vapi", "retell", "elevenlabs", "pipecat", "otel", "cloudevents",
    ]  # fmt: skip
    with pytest.raises(KeyError):
        provider_named("nobody")


def test_an_adapter_that_fails_is_a_typed_refusal_without_its_words() -> None:
    def broken(_: Delivery) -> Normalised:
        raise RuntimeError("what it failed on")

    made = normalize(Provider("x", broken), DELIVERY)
    assert isinstance(made, Refusal)
    assert made.reason == "defect"
    assert "RuntimeError" in made.detail
    assert "what it failed on" not in made.detail


def test_events_are_screened_behind_every_adapter() -> None:
    def careless(delivery: Delivery) -> Normalised:
        return Normalised((
            event(
                CallEnded, delivery, id="a", at_ms=1_789_000_000_000, ended_at=1_789_000_000_000, canonical_call_id="c",
                disconnect_reason="caller 5005550006 hung up, password=hunter2",
            ),
        ))  # fmt: skip

    made = normalize(Provider("x", careless), DELIVERY)
    assert isinstance(made, Normalised)
    assert "5005550006" not in repr(made.events)
    assert "hunter2" not in repr(made.events)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
@pytest.mark.parametrize("document", [None, 5, "x", [], {}, [[]], {"a": {"b": None}}])
def test_no_document_is_too_odd(provider: Provider, document: object) -> None:
    made = normalize(provider, Delivery(document, provider.name, 1_790_000_000_000))  # type: ignore[arg-type]
    assert isinstance(made, Refusal)
    assert made.reason in ("not_readable", "unknown_shape", "nothing_to_report"), made
    assert registry.provider_named(provider.name) is provider
