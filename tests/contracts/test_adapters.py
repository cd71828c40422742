"""What holds for every adapter: the same delivery gives the same events, strange fields nothing, secrets never."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stream_app.core.wire import write_json
from stream_app.providers.adapter import Delivery, Normalised
from stream_app.providers.registry import PROVIDERS, Provider, Refusal, normalize
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases

RECEIVED_MS = 1_790_000_000_000
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
PLANTED = {
    "turnPassword": "planted-turn-password", "access_token": "planted-access-token", "apiKey": "planted-api-key",
    "sip_headers": {"P-Asserted-Identity": "<sip:+15005550009@trunk.example.org>"}, "customerPhone": "+15005550009",
    "systemPrompt": "planted prompt", "instructions": "planted prompt", "someNewField": {"deep": [1, {"er": None}]},
}  # fmt: skip


def cases() -> Iterator[Any]:
    for provider in PROVIDERS:
        for case in own_cases(provider.name):
            yield pytest.param(provider, case.values[0]["document"], id=f"{provider.name}-{case.id}")


def made(provider: Provider, document: Any, *, received_ms: int = RECEIVED_MS) -> Normalised | Refusal:
    return normalize(provider, Delivery(document, provider.name, received_ms))


def planted(document: Any) -> Any:
    """The document with strange fields, and with things that must not come through."""
    if isinstance(document, list):
        return [planted(one) for one in document]
    return {**document, **copy.deepcopy(PLANTED)} if isinstance(document, dict) else document


@pytest.mark.parametrize(("provider", "document"), cases())
def test_the_same_delivery_gives_the_same_and_changes_nothing(provider: Provider, document: Any) -> None:
    before = copy.deepcopy(document)
    first = made(provider, document)
    assert made(provider, document) == first
    assert document == before


@pytest.mark.parametrize(("provider", "document"), cases())
def test_a_later_re_delivery_reports_the_same_facts(provider: Provider, document: Any) -> None:
    first, again = made(provider, document), made(provider, document, received_ms=RECEIVED_MS + 60_000)
    if isinstance(first, Refusal):
        assert again == first
        return
    assert isinstance(again, Normalised)
    known = {event.event_id: event.to_dict() for event in first.events}
    for event in again.events:  # Under an ID that was used before there is nothing else than before.
        assert known.get(event.event_id, event.to_dict()) == event.to_dict()


@pytest.mark.parametrize(("provider", "document"), cases())
def test_strange_fields_change_nothing_and_what_must_not_leave_does_not(provider: Provider, document: Any) -> None:
    if not isinstance(document, dict) or provider.name == "cloudevents":
        return  # A CloudEvent's fields are its attributes.
    plain, more = made(provider, document), made(provider, planted(document))
    if isinstance(plain, Refusal):
        assert isinstance(more, Refusal), "strange fields make no event"
        return
    assert isinstance(more, Normalised)
    assert [event.type for event in more.events] == [event.type for event in plain.events]
    shown = b"".join(write_json(event.to_dict()) for event in more.events).decode()
    assert "planted" not in shown
    assert "5005550009" not in shown


@pytest.mark.parametrize(("provider", "document"), cases())
def test_events_are_what_the_published_schemas_say(provider: Provider, document: Any) -> None:
    normalised = made(provider, document)
    for event in normalised.events if isinstance(normalised, Normalised) else ():
        schema = json.loads((SCHEMAS / f"{event.TYPE}.v1.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(json.loads(write_json(event.to_dict())))


@pytest.mark.parametrize(("provider", "document"), cases())
def test_whatever_is_bent_gives_events_or_a_typed_refusal(provider: Provider, document: Any) -> None:
    for mutant in mutants(document, 40, seed=11):
        normalised = made(provider, mutant)
        assert isinstance(normalised, Normalised | Refusal)
        assert not isinstance(normalised, Refusal) or normalised.reason != "defect", normalised.detail


def test_an_adapter_that_fails_would_be_seen() -> None:
    """Negative control: the suite's own check catches a planted bug."""

    def careless(delivery: Delivery) -> Normalised:
        document: Any = delivery.document
        raise KeyError(document["missing"])

    broken = Provider("careless", careless)
    assert any(
        isinstance(one, Refusal) and one.reason == "defect"
        for one in (made(broken, mutant) for mutant in mutants({"a": 1}, 5))
    )
