"""The only place for what stages need from outside and hand back: records in, records out, object storage.

What is made for every record is a msgspec struct: a frozen dataclass takes fifteen times as long to make.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from stream_app.core.events import KeySpan
from stream_app.core.redaction.transcript import Report
from stream_app.core.wire import Json

Headers = tuple[tuple[str, bytes], ...]


class Incoming(msgspec.Struct, frozen=True):
    """One record as it was read. `topic` is the name without prefix; `timestamp_ms` is the broker's or producer's."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Outgoing(msgspec.Struct, frozen=True):
    """One record to write. Without `partition` the key decides (murmur2, as Java's default).

    A value of None is a tombstone; only changelogs and compacted topics have them.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class StoreError(Exception):
    """Object storage said no, or nothing; `uri` is the object."""

    def __init__(self, uri: str, detail: str) -> None:
        super().__init__(f"{uri}: {detail}")
        self.uri = uri
        self.detail = detail


class ObjectMissing(StoreError):
    """There is no such object (or bucket)."""


class ObjectDenied(StoreError):
    """We may not read or write it."""


class ObjectTooLarge(StoreError):
    """It is larger than the caller allows."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is overloaded, or broke off; trying again later makes sense."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says of an object without sending it."""

    uri: str
    size: int
    media_type: str | None


Tee = Callable[[bytes], None]
"""Is given the parts of an object, in their order."""


class ArtifactSource(Protocol):
    """Where source objects are read: s3:// (an ObjectStore is one), https://, file://. Methods may raise StoreError."""

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """The whole object; ObjectTooLarge beyond `max_bytes`."""
        ...

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and size, streamed; ObjectTooLarge beyond `max_bytes`. `tee` is given each part."""
        ...


class ObjectStore(Protocol):
    """Object storage as stages see it; URIs are `s3://bucket/key`. Every method may raise StoreError."""

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """Write the object unless one is there (`If-None-Match: *`).

        `retention_class`: how long it must stay, where the store can see to that (`core.retention`).
        """
        ...

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """The whole object; ObjectTooLarge beyond `max_bytes`."""
        ...

    async def head(self, uri: str) -> ObjectInfo:
        """Size and media type."""
        ...

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and size, streamed; ObjectTooLarge beyond `max_bytes`. `tee` is given each part."""
        ...

    def list(self, prefix: str) -> AsyncIterator[str]:
        """URIs below `s3://bucket/prefix`, in key order."""
        ...


class Cleared(msgspec.Struct, frozen=True):
    """A transcript that may be looked at by the gates, and what was done to it."""

    body: bytes
    report: Report | None
    """None: it came redacted, and nothing had to be masked any more; `body` is then what came, to the byte."""
    leaks: tuple[str, ...]
    """What still forbids that it leaves, one line a kind, without the values."""


class RedactionFailed(Exception):
    """There is no redacted transcript: `reason` is timeout, unreadable, model_unavailable, crashed or defect.

    `detail` quotes nothing of what was to be redacted.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # Both, so that it comes whole out of another process.
        self.reason = reason
        self.detail = detail


class Redactor(Protocol):
    """Takes out of transcripts what is personal, and finds what a redacted one still holds."""

    async def clear(self, body: bytes, values: Sequence[Json], *, stated_redacted: bool) -> Cleared:
        """A masked copy, or what came where it is stated to be redacted and is; both are searched for leaks.

        `values` are what is known of the call (account, phone, names, tool arguments), looked for in every form.
        Raises RedactionFailed: there is nothing then that may be shown.
        """
        ...


class TraceUnavailable(Exception):
    """The trace backend did not answer, or not in a way that can be read; trying again later makes sense."""


class TraceAbsent(Exception):
    """The trace backend does not have this trace (yet), or it is not to be read. Says why, and quotes nothing."""


class TraceSource(Protocol):
    """Opens traces."""

    async def key_spans(self, trace_id: str) -> tuple[KeySpan, ...]:
        """What the trace tells of speech, models and tools, in summary. Raises TraceAbsent, TraceUnavailable."""
        ...


class NotConfirmed(Exception):
    """Records may or may not be in Kafka: nobody confirmed them in time. Says why, and quotes none of them."""


class ConfirmedWriter(Protocol):
    """Writes records so that they are safe; the opposite of fire and forget."""

    async def write(self, records: Sequence[Outgoing], *, within_s: float) -> None:
        """Returns once the broker has confirmed every record; raises NotConfirmed, at the latest after `within_s`."""
        ...

    async def ask(self) -> None:
        """Raises NotConfirmed where the broker does not answer now."""
        ...


class State(Protocol):
    """One partition's rows of a stage's table. Writes are handed back with the records to send, never made here."""

    def get(self, key: bytes) -> bytes | None:
        """The row, or None."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows, in the order of `keys`; one look-up for all."""
        ...

    def scan(self, first: bytes, last: bytes, limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows whose key lies from `first` (included) to `last` (left out), in the order of their bytes.

        Of more than `limit` the first ones: who may meet very many takes them in portions.
        """
        ...


class Effects(msgspec.Struct, frozen=True):
    """What handling one record came to, and the order in which it is made durable.

    1. `sends` become durable, together with the `rows` (None deletes) of this record and all before it. Rows without
    sends may wait for the next that has some, a second at most: the record comes again until they are durable. Where
    a stage's sends may repeat after a fault, they wait for no rows either. 2. Every token in `expects` has come back
    in some later record's `receipts`. 3. `then` is sent. 4. When every earlier record of the partition is done too:
    `in_turn` is sent, outside of any transaction: it may be sent again after a fault. 5. The ack.
    """

    sends: tuple[Outgoing, ...] = ()
    rows: tuple[tuple[bytes, bytes | None], ...] = ()
    local: tuple[tuple[bytes, bytes | None], ...] = ()
    """Rows of the local store alone: they follow from `rows`, and are made anew when those are replayed."""
    expects: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
    then: tuple[Outgoing, ...] = ()
    in_turn: tuple[Outgoing, ...] = ()
    unfinished: bool = False
    """The record is not done: the fold ended here, and goes on with this very record once these effects are durable.
    So what one record sets off may take several commits."""


NOTHING = Effects()
"""What most records come to; the same object every time, so that it is known without being looked at."""
