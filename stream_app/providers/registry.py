"""The only place that knows which providers there are, and the one door to their adapters.

Behind the adapter everything is screened once more (`privacy`), and whatever an adapter did not foresee becomes a typed
refusal: a stranger's payload must not end a worker.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stream_app.core.instants import FROM_JSON
from stream_app.providers import cloudevents, connect, elevenlabs, livekit, otel, pipecat, retell, twilio, vapi
from stream_app.providers.adapter import Adapter, Blob, Delivery, Normalised, RefusalReason, Refused
from stream_app.providers.privacy import Screen, numbers_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a payload gave no events."""

    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True)
class Provider:
    """One vendor: the name in addresses and commands, and how it speaks."""

    name: str
    adapter: Adapter


PROVIDERS: tuple[Provider, ...] = (
    Provider("twilio", twilio.normalize),
    Provider("connect", connect.normalize),
    Provider("livekit", livekit.normalize),
    Provider("vapi", vapi.normalize),
    Provider("retell", retell.normalize),
    Provider("elevenlabs", elevenlabs.normalize),
    Provider("pipecat", pipecat.normalize),
    Provider("otel", otel.normalize),
    Provider("cloudevents", cloudevents.normalize),
)  # fmt: skip


def provider_named(name: str) -> Provider:
    """The provider of this name; KeyError for an unknown one."""
    return {provider.name: provider for provider in PROVIDERS}[name]


def normalize(provider: Provider, delivery: Delivery, *, name_key: bytes = b"") -> Normalised | Refusal:
    """The events of one payload, with nothing in them that must not leave; or why there are none.

    `name_key` keys the digests that stand for names which hold a phone number. Never raises.
    """
    try:
        made = provider.adapter(delivery)
        return _screened(made, Screen(numbers_of([delivery.document, dict(delivery.query)]), name_key))
    except Refused as refused:
        return Refusal(refused.reason, refused.detail)
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        return Refusal("invalid_value", places)
    except Exception as error:
        return Refusal("defect", f"{provider.name} failed on it ({_place_of(error)}): please report it")


def _screened(made: Normalised, screen: Screen) -> Normalised:
    events, blobs = [], list(made.blobs)
    for event in made.events:
        document = screen.event(_without_links(event.to_dict(), screen, blobs))
        events.append(type(event).model_validate(document, context=FROM_JSON))
    return Normalised(tuple(events), tuple(blobs))


def _without_links(document: dict[str, Any], screen: Screen, blobs: list[Blob]) -> dict[str, Any]:
    """A link that must not be shown would lead nowhere with a part blotted out: what it leads to is staged instead."""
    for name in ("reference", "transcript", "recording"):
        reference = document.get(name)
        if reference is not None and screen.text(reference["uri"]) != reference["uri"]:
            blob = Blob(reference["mediaType"] or "application/octet-stream", link=reference["uri"])
            blobs.append(blob)
            reference["uri"] = blob.uri
    return document


def _place_of(error: Exception) -> str:
    """Which line failed and how, without what it failed on."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
