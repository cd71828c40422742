"""The only place that knows how a signature case is written down: one request with its secrets and the time of day.

A case is what a user has at hand when a webhook is refused, and what `signatures.json` of a provider is made of.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stream_app.core.instants import parse_instant
from stream_app.core.wire import Json
from stream_app.gateway.signatures.digests import octets
from stream_app.gateway.signatures.live_secrets import LiveSecrets, SecretFormatError, live_secrets
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.twilio import SETTINGS_HEADER
from stream_app.providers.reading import first, fold, number, text

_FIRST_IN_MS = 100_000_000_000
_ANSWERS = {"accept": True, "valid": True, "allow": True, "reject": False, "invalid": False, "refuse": False}


class CaseError(ValueError):
    """What is no case; the message says which and why, and quotes no secret."""


@dataclass(frozen=True, slots=True)
class Case:
    """One request to be judged."""

    id: str
    request: Received
    secrets: LiveSecrets | None
    """None where the case brings none."""
    now_ms: int | None
    """None: the time of day."""
    recorded: bool | None
    """What the verdict is known to be; our own policy goes before what the provider's library says."""


def read_cases(data: bytes, provider: str) -> list[Case]:
    """Every case of a file: one case, a list of them, or an object with `cases`. Raises CaseError."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CaseError(f"not JSON: {str(error)[:200]}") from None
    stated = document.get("provider") if isinstance(document, dict) else None
    if stated is not None and stated != provider:
        raise CaseError(f"these are cases of another provider than {provider}: {text(stated)}")
    found = document.get("cases", document) if isinstance(document, dict) else document
    return [_case(one, index, provider) for index, one in enumerate(found if isinstance(found, list) else [found], 1)]


def _case(document: Json, index: int, provider: str) -> Case:
    name = text(document, "id") or str(index) if isinstance(document, dict) else str(index)
    try:
        if not isinstance(document, dict):
            raise CaseError("not an object")
        request = _request(first(document, "request"))
        return Case(name, request, _secrets(document, request, provider), _now_ms(document), _recorded(document))
    except (CaseError, SecretFormatError) as error:
        raise CaseError(f"case {name}: {error}") from None


def _request(document: Json) -> Received:
    if not isinstance(document, dict):
        raise CaseError("`request` is not an object with url, headers and body")
    method, url = first(document, "method") or "POST", first(document, "url") or ""
    if not isinstance(method, str) or not isinstance(url, str):
        raise CaseError("`method` or `url` of the request is not text")
    return Received(method, url, tuple(_headers(first(document, "headers"))), _body(document))


def _headers(document: Json) -> list[tuple[str, str]]:
    """From an object whose values may be lists, or from a list of pairs."""
    pairs = list(document.items()) if isinstance(document, dict) else document or []
    found: list[tuple[str, str]] = []
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise CaseError("`headers` of the request are not names and values")
        for value in pair[1] if isinstance(pair[1], list) else [pair[1]]:
            if isinstance(value, dict | list):
                raise CaseError("a header of the request is not text")
            if value is not None:
                found.append((pair[0], str(value)))
    return found


def _body(document: dict[str, Any]) -> bytes:
    encoded, body = first(document, "bodyBase64"), first(document, "body")
    if isinstance(encoded, str):
        try:
            return b64decode(encoded, validate=True)
        except ValueError:
            raise CaseError("`bodyBase64` of the request is not base64") from None
    if body is None:
        return b""
    if not isinstance(body, str):
        raise CaseError("`body` of the request is not text: signatures are over the raw bytes, not over parsed JSON")
    return octets(body)


def _secrets(case: dict[str, Any], request: Received, provider: str) -> LiveSecrets | None:
    stated = [case[name] for name in case if fold(name) in ("secret", "secrets", "keys", "sharedkeys", "apikeys")]
    plan = first(case, "plan")
    if not stated and first(plan if isinstance(plan, dict) else {}, "secretKey", "token") is None:
        return None
    found = tuple(one for document in stated for one in live_secrets(document))
    if provider == "vapi" and isinstance(plan, dict):
        found = tuple(replace(one, plan=_with_tolerance(plan, case)) for one in found or live_secrets([plan]))
    if all(one.key_id is None for one in found):
        key_id = first(case, "apiKey", "keyId", "sharedKeyId")
        if provider == "twilio" and key_id is None:
            key_id = _named_key(request)
        if isinstance(key_id, str):
            found = tuple(replace(one, key_id=key_id) for one in found)
    pinned = next((value for name, value in case.items() if fold(name).endswith("algorithm")), None)
    if isinstance(pinned, str):
        found = tuple(replace(one, algorithm=one.algorithm or pinned) for one in found)
    return found


def _with_tolerance(plan: dict[str, Any], case: dict[str, Any]) -> Mapping[str, Any]:
    stated = number(first(case, "toleranceSeconds", "toleranceS"))
    return plan if stated is None else {**plan, "toleranceSeconds": stated}


def _named_key(request: Received) -> str | None:
    """A case that says no more of its one secret than the request does means the key that the request names."""
    for part in ",".join(request.all(SETTINGS_HEADER)).split(","):
        name, _, value = part.partition("=")
        if name.strip() == "key" and value.strip():
            return value.strip()
    return None


def _now_ms(case: dict[str, Any]) -> int | None:
    for name, unit in (("nowMs", 1), ("nowS", 1000), ("now", 0)):
        stated = first(case, name)
        if stated is None:
            continue
        moment = number(stated)
        if moment is not None:
            return int(moment * (unit or (1 if moment >= _FIRST_IN_MS else 1000)))
        try:
            return parse_instant(stated if isinstance(stated, str) else "")
        except ValueError:
            raise CaseError(f"`{name}` is not a time") from None
    return None


def _recorded(case: dict[str, Any]) -> bool | None:
    policy, valid = first(case, "ourPolicy"), first(case, "valid")
    if isinstance(policy, str):
        policy = next((answer for word, answer in _ANSWERS.items() if policy.lower().startswith(word)), None)
    return policy if isinstance(policy, bool) else valid if isinstance(valid, bool) else None
