"""The only place for what no adapter lets through, whatever field it stood in: phone numbers and secrets.

Adapters build events from fields that they name, so whole payloads, prompts and headers never come through. But a phone
number also stands inside of room names, participant identities, tool arguments and error texts, and a secret inside of
arguments and links. So every event is looked through once more before it leaves.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stream_app.core.wire import Json
from stream_app.providers import credentials, phones
from stream_app.providers.credentials import SECRET
from stream_app.providers.phones import PHONE, named_in
from stream_app.providers.reading import MAX_TEXT, fold

numbers_of = named_in
"""Every phone number that a payload names: they are looked for in other forms as well."""

_NAMES = frozenset({"canonicalcallid", "eventid", "toolcallid", "evaluationid", "traceid", "spanid"})
"""Fields of an event that are names: what stands there must stay one name, the same wherever it is said."""
_SIGNED = re.compile(
    r"(?i)(?:x-(?:amz|goog)-.*|.*signature|.*expires?|expiry|exp|sig|hmac|.*token|policy|key-pair-id|awsaccesskeyid"
    r"|googleaccessid|s[eptrv]|skoid|sktid|sk[tesv]|sip|spr|response-.*)"
)
"""Names of a link's parameters that give access, by whoever signed it; each time it is signed they are others."""


class Screen:
    """Looks through what is to leave; with `key` nobody can guess the names that stand for those with a number."""

    def __init__(self, numbers: frozenset[str] = frozenset(), key: bytes = b"") -> None:
        self._key = key
        self._known = numbers

    def has_number(self, value: str) -> bool:
        """Whether a phone number stands in this text."""
        return phones.holds(value, self._known)

    def name(self, value: str) -> str:
        """A name that holds nothing to be hidden as it is; any other as a digest, so that it still names the same."""
        if self.text(value) == value:
            return value
        return "masked-" + hmac.new(self._key, value.encode(), sha256).hexdigest()[:32]

    def text(self, value: str) -> str:
        """Text with its numbers and secrets blotted out; it does not grow beyond what a field takes."""
        blotted = phones.blotted(credentials.blotted(value), self._known)
        return blotted[: max(len(value), MAX_TEXT)]

    def event(self, document: dict[str, Any]) -> dict[str, Any]:
        """A whole event: names stay names, everything else is text."""
        return {field: self._field(field, value) for field, value in document.items()}

    def document(self, value: Json, key: str = "") -> Json:
        """Any JSON that stands under this name."""
        if credentials.is_secret_at(key, value):
            return SECRET
        if isinstance(value, dict):
            return self._object(value, key)
        if isinstance(value, list):
            return [self.document(one, key) for one in value]
        if phones.is_number_at(key, value):
            return PHONE
        if isinstance(value, str) and fold(key) == "idempotencykey":
            return self.name(value)
        return self.text(value) if isinstance(value, str) else value

    def _field(self, field: str, value: Any) -> Any:
        if field == "aliases" and isinstance(value, dict):
            return {scheme: self.name(name) for scheme, name in value.items()}
        if fold(field) in _NAMES and isinstance(value, str):
            return self.name(value)
        return self.document(value, field)

    def _object(self, value: dict[str, Json], above: str) -> Json:
        shown: dict[str, Json] = {}
        for name, one in value.items():
            # Two numbers as keys must not become one.
            free = hidden = self.text(name)
            while hidden != name and free in shown:
                free += "'"
            shown[free] = self.document(one, phones.context(above, name, value))
        return shown


def bare_link(link: str) -> str | None:
    """A link without what gives access to it: user, password, query, fragment. None for no http(s), s3 or gs link."""
    link = link.strip()
    try:
        parts = urlsplit(link)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https", "s3", "gs") or not host or re.search(r"[\x00-\x20]", link):
        return None
    if scheme in ("s3", "gs"):
        return f"{scheme}://{link.partition('://')[2]}"  # A key may hold ? and # as well.
    place = f"[{host}]" if ":" in host else host
    return urlunsplit((scheme, place if port is None else f"{place}:{port}", parts.path, "", ""))


def unsigned_link(link: str) -> str:
    """A link without what signs it: the same for one thing, however often its link is signed anew."""
    bare = bare_link(link)
    if bare is None:
        return link.strip()
    if not _parameters(link):
        return bare
    query = urlsplit(link.strip()).query.split("&")
    kept = [one for one in query if one and not _SIGNED.fullmatch(one.partition("=")[0])]
    return bare + ("?" + "&".join(kept) if kept else "")


def expires(link: str) -> bool:
    """Whether a link gives access by itself and so will not for ever: it is signed in its query."""
    return any(_SIGNED.fullmatch(name) for name in _parameters(link))


def is_bare(link: str) -> bool:
    """Whether a link leads to the same thing when it is bare: nothing in it gives access or says what is meant."""
    bare = bare_link(link)
    return bare is not None and not _parameters(link) and urlsplit(link.strip()).username is None


def _parameters(link: str) -> list[str]:
    """The names in a link's query."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return []
    if parts.scheme.lower() in ("s3", "gs"):
        return []
    return [one.partition("=")[0] for one in parts.query.split("&") if one]
