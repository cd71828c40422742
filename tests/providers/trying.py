"""What tests of adapters share: a payload handed to one provider, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import Event
from stream_app.providers.adapter import Delivery, Normalised
from stream_app.providers.registry import normalize, provider_named
from tests.providers.samples import OWN

RECEIVED_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Trying:
    """One provider; documents are our fixtures by name, or anything else."""

    provider: str

    def own(self, name: str) -> Any:
        """The document of one of our fixtures."""
        path = OWN / self.provider / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8"))["document"]

    def made(self, document: Any, **query: str) -> Any:
        """Events or a refusal."""
        return normalize(provider_named(self.provider), Delivery(document, self.provider, RECEIVED_MS, query))

    def events(self, document: Any, **query: str) -> tuple[Event, ...]:
        """Events, and no refusal."""
        normalised = self.made(document, **query)
        assert isinstance(normalised, Normalised), normalised
        return normalised.events

    def of(self, kind: type[Event], document: Any) -> list[Any]:
        """Its events of one type."""
        return [event for event in self.events(document) if isinstance(event, kind)]

    def only(self, document: Any) -> Any:
        """Its one event."""
        (event,) = self.events(document)
        return event
