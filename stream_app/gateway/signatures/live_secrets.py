"""The only place for what a live secret is: its value, which key it belongs to, and how signatures are made with it.

Several are live at a time, so that one can be replaced while webhooks signed with the other are still under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from stream_app.core.wire import Json
from stream_app.gateway.signatures.digests import octets
from stream_app.gateway.signatures.verdict import Rejected
from stream_app.providers.reading import first

MAX_LIVE = 32
"""Of one provider; two are enough to rotate one key, and a LiveKit server may have several keys."""
_VALUE = ("secret", "secretKey", "token")
_KEY_ID = ("keyId", "key", "apiKey", "sharedKeyId")
_ALGORITHM = ("algorithm", "pinnedAlgorithm")
_PLAN = ("plan", "authenticationPlan")


class SecretFormatError(ValueError):
    """What should be secrets is not written as any; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """One secret that is accepted now."""

    value: SecretStr
    key_id: str | None = None
    """LiveKit: the API key. Twilio: the SharedKey's ID; None for an account's auth token."""
    algorithm: str | None = None
    """Twilio: what this SharedKey is pinned to."""
    plan: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Vapi: the authentication plan, in Vapi's own words. It may hold the secret once more, so `repr` leaves it out."""

    @property
    def key(self) -> bytes:
        """The secret as the key of a code."""
        return octets(self.value.get_secret_value())


LiveSecrets = tuple[LiveSecret, ...]


def live_secrets(document: Json) -> LiveSecrets:
    """Secrets as they are written in JSON; raises SecretFormatError.

    One secret is text, or an object `{"secret", "keyId", "algorithm", "plan"}`; Vapi's plan may also be the object
    itself, with its `secretKey` or `token` inside. Several are a list of these, or an object that has one under each
    key ID. Empty ones are left out: everybody knows the empty secret.
    """
    found = _several(document)
    if len(found) > MAX_LIVE:
        raise SecretFormatError(f"{len(found)} live secrets; at most {MAX_LIVE}")
    return tuple(secret for secret in found if secret.value.get_secret_value())


def _several(document: Json) -> list[LiveSecret]:
    if isinstance(document, list):
        return [_one(item) for item in document]
    # With one of our own words it is one secret with a typing error, and not several of which one is "HMAC_SHA1".
    if isinstance(document, dict) and first(document, *_VALUE, *_KEY_ID, *_ALGORITHM, *_PLAN, "type") is None:
        return [_one(item, key_id) for key_id, item in document.items()]
    return [_one(document)]


def _one(document: Json, key_id: str | None = None) -> LiveSecret:
    if isinstance(document, str):
        return LiveSecret(SecretStr(document), key_id)
    if not isinstance(document, dict):
        raise SecretFormatError("a secret is text, or an object that has it under `secret`")
    plan = first(document, *_PLAN)
    if plan is None:
        plan = document
    if not isinstance(plan, dict):
        raise SecretFormatError("`plan` is not an object")
    value = first(document, *_VALUE)
    if value is None:
        value = first(plan, *_VALUE)
    if not isinstance(value, str):
        raise SecretFormatError("an object without text under `secret`")
    return LiveSecret(SecretStr(value), key_id or _text(document, *_KEY_ID), _text(document, *_ALGORITHM), plan)


def _text(document: Json, *names: str) -> str | None:
    value = first(document, *names)
    if value is not None and not isinstance(value, str):
        raise SecretFormatError(f"`{names[0]}` is not text")
    return value or None


def usable(secrets: LiveSecrets) -> LiveSecrets:
    """These, without empty ones; raises Rejected where nothing is left."""
    found = tuple(secret for secret in secrets if secret.value.get_secret_value())
    if not found:
        raise Rejected("no_secret", "there is no live secret of this provider")
    return found
