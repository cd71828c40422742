"""The only place for what of an event is concealed, and how it stands in it: nobody reads it without the call's key.

A tool's arguments, results and error text, values that a producer knows to be personal, and what people wrote of a call
never travel behind intake as they are. Where keys are set they travel encrypted in one field, `concealed`:
`1.<epoch>.<path>.<base64>`, which names the key that it needs (`key_ring`); without keys they end at intake.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

import msgspec

from stream_app.core.key_ring import DEPTH
from stream_app.core.redaction.private_values import values_in
from stream_app.core.wire import Json, WireError, read_json, write_json

FIELD = "concealed"
PRIVATE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "tool-call": ("arguments", "result", "error"),
    "call-ended": ("knownValues",),
    "call-reported": ("symptom",),
    "selection-requested": ("note",),
}
"""Event type -> what of it is concealed."""
MAX_CONTENT_BYTES = 8192
"""Larger content is not kept whole: state and logs hold no payloads."""
PRESENT = "present"
"""Stands for a text that is concealed or was dropped: that there was one is what matters."""
_WRITTEN = re.compile(r"1\.(\d{4}-\d\d-\d\d)\.([0-9a-f]{10})\.([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True, slots=True)
class Concealed:
    """Encrypted content, and the key it needs: the `path` of the ring of `epoch`."""

    epoch: str
    path: str
    box: bytes

    def written(self) -> str:
        """As it stands in an event."""
        return f"1.{self.epoch}.{int(self.path, 2):010x}.{b64encode(self.box).decode()}"

    @classmethod
    def read(cls, text: str) -> Concealed:
        """What `written` wrote. Raises ValueError."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError("not concealed by us, or by a later version")
        epoch, path, box = found.groups()
        return cls(epoch, f"{int(path, 16):0{DEPTH}b}", b64decode(box))


class Concealer(Protocol):
    """Makes digests that tell nothing of the content, and conceals content."""

    def fingerprint(self, content: bytes) -> str:
        """A digest, 64 hex digits; the same for the same content for as long as the deployment lives."""
        ...

    def conceal(self, identity: str, at_ms: int, content: bytes) -> str | None:
        """The content encrypted under the key of this name of a call; None: it is not kept."""
        ...


class Unkeyed:
    """The Concealer of a deployment without keys: digests are plain, private content is not kept."""

    def fingerprint(self, content: bytes) -> str:
        """SHA-256."""
        return sha256(content).hexdigest()

    def conceal(self, identity: str, at_ms: int, content: bytes) -> str | None:
        """None."""
        return None


UNKEYED = Unkeyed()


def epoch_of(at_ms: int) -> str:
    """The day (UTC) in which a record was appended: each has a ring of its own, which may go when the day's data go."""
    return _day_of(at_ms // 86_400_000)


@lru_cache(maxsize=64)
def _day_of(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def content_of(private: Mapping[str, tuple[Json, bytes]]) -> bytes | None:
    """Private fields, each with its JSON -> the content to be encrypted; None where there is nothing.

    Of what is too large only the values that a transcript must not show are kept, if those are not too many.
    """
    if not private:
        return None
    if sum(len(written) for _, written in private.values()) <= MAX_CONTENT_BYTES:
        return _ENCODER.encode({name: msgspec.Raw(written) for name, (_, written) in private.items()})
    values = write_json({"knownValues": values_in({name: value for name, (value, _) in private.items()})})
    return values if len(values) <= MAX_CONTENT_BYTES else None


def private_of(content: bytes) -> dict[str, Json]:
    """The fields again. Raises ValueError for what is no content of ours."""
    try:
        document = read_json(content)
    except WireError as error:
        raise ValueError(str(error)) from None
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


_ENCODER = msgspec.json.Encoder(order="deterministic")
