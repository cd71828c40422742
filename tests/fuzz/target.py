"""What fuzzing asks of one payload: events or a typed refusal, never a defect; and how payloads are bent."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from stream_app.core.wire import WireError, read_json, write_json
from stream_app.providers.adapter import Delivery, Normalised, Refused
from stream_app.providers.registry import PROVIDERS, Provider, Refusal, normalize
from tests.providers.mutants import mutants
from tests.providers.samples import own

RECEIVED_MS = 1_790_000_000_000
MAX_BYTES = 1 << 16


class Defect(Exception):
    """An adapter had no answer to a payload."""


def _careless(delivery: Delivery) -> Normalised:
    """The negative control: it trusts a field to be text."""
    document: Any = delivery.document
    if isinstance(document, dict) and "callId" in document:
        document["callId"].strip()
    raise Refused("unknown_shape", "nothing")


CONTROL = Provider("control", _careless)


def target(name: str) -> Provider:
    """The provider to fuzz, or the control. KeyError for an unknown one."""
    return {provider.name: provider for provider in (*PROVIDERS, CONTROL)}[name]


def seeds(name: str) -> list[bytes]:
    """Where fuzzing begins: our fixtures."""
    if name == CONTROL.name:
        return [b'{"callId": "a", "state": "ended"}']
    return [json.dumps(case["document"]).encode() for case in own(name)]


def check(provider: Provider, data: bytes) -> None:
    """Raises Defect. What is no JSON is not asked: reading it is not the adapters' job."""
    try:
        document = read_json(data)
    except WireError:
        return
    made = normalize(provider, Delivery(document, provider.name, RECEIVED_MS))
    if isinstance(made, Refusal):
        if made.reason == "defect":
            raise Defect(made.detail)
        return
    for event in made.events:
        write_json(event.to_dict())


def bent(data: bytes, seed: int, max_size: int = MAX_BYTES) -> bytes:
    """A variant of a payload, with a change of its structure; the same seed gives the same."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = {}
    chance = random.Random(seed)
    (mutant,) = mutants(copy.deepcopy(document), 1, seed=chance.randrange(1 << 30))
    try:
        made = json.dumps(mutant).encode()
    except (ValueError, RecursionError):
        return data[:max_size]
    return made if len(made) <= max_size else data[:max_size]
