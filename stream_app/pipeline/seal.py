"""The only place where the seal stage acts: a seal order becomes artifacts, one manifest, and a packet.

Steps, as numbered below: 1 read the order, 2 find its predecessor, 3 gather the sources, 4 store the artifacts,
5 decide, 6 commit the manifest, 7 publish. The conditional put in step 6 is the commit: whoever comes second adopts
what the first one stored, so handling an order again, here or on another worker, publishes the same packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal, TypeVar

from pydantic import ValidationError

from stream_app.core import attestation
from stream_app.core.artifacts import JSON_TYPE, made_artifacts
from stream_app.core.canonical import CanonicalError, hash_of
from stream_app.core.instants import day_of
from stream_app.core.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestError,
    manifest_bytes,
    manifest_uri,
    read_manifest,
)
from stream_app.core.orders import JoinAlert, Missing, SealOrder, SealRetry
from stream_app.core.packet import Packet, ProducedBy
from stream_app.core.publication import is_restricted, packet_bytes, packet_of, stub_of
from stream_app.core.seal import decide, order_digest
from stream_app.core.selection import facts_of
from stream_app.core.sources import missing, sources_of
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline import outputs
from stream_app.pipeline.call_keys import KeysGone
from stream_app.pipeline.clearance import Clearance, clear
from stream_app.pipeline.gathering import Buckets, describe
from stream_app.pipeline.known import Known, UnknownKeys, nothing_known
from stream_app.pipeline.ports import (
    Effects,
    Incoming,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    Outgoing,
    Redactor,
    StoreError,
    StoreUnavailable,
    TraceSource,
)
from stream_app.pipeline.retry_clock import RetryClock
from stream_app.pipeline.source_reader import Failure, Found, read_source
from stream_app.pipeline.trace_opener import open_trace
from stream_app.topics import PACKETS, PACKETS_RESTRICTED, SEAL_RETRY

T = TypeVar("T")

DAY_MS = 86_400_000

RUNBOOK = "docs/manifest.md#two-orders-for-one-version"


class Sealer:
    """Stage four. Takes `seal-orders` and due `seal-retry` records; safe to run twice on one order.

    All it remembers is how long orders have waited (`retry_clock`), which is in no packet. `handle` raises
    StoreUnavailable when our own store (the packet bucket) does not do its part: nothing was published, and the runtime
    pauses the stage and hands the same record in again. Everything else ends in `Effects`.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        packet_bucket: str,
        raw_bucket: str,
        source_buckets: tuple[str, ...],
        max_artifact_bytes: int,
        produced_by: ProducedBy,
        seal_budget_ms: int,
        now: Callable[[], int],
        steady: Callable[[], int],
        observe: Callable[[Packet, SealOrder], None] | None = None,
        redactor: Redactor | None = None,
        known: Known = nothing_known,
        sign: attestation.Sign | None = None,
        traces: TraceSource | None = None,
    ) -> None:
        """`now` is a wall clock, `steady` one that nobody sets, both in ms: they space tries and appear in no packet.

        `observe` hears of each publication. `redactor` makes and searches transcripts; without one only those are used
        that are stated to be redacted, as they came. `known` are a call's values that must not leave in any form.
        `sign` signs each manifest; None leaves them unsigned. `traces` opens traces that nobody told of.
        """
        self._store = store
        self._bucket = packet_bucket
        self._buckets = Buckets(packet_bucket, raw_bucket)
        self._source_buckets = source_buckets
        self._max_artifact_bytes = max_artifact_bytes
        self._produced_by = produced_by
        self._retries = RetryClock(seal_budget_ms, wall=now, steady=steady)
        self._observe = observe
        self._redactor = redactor
        self._known = known
        self._sign = sign
        self._traces = traces

    def wait_s(self, record: Incoming) -> float:
        """Seconds until the record may be handled; 0 for now. What cannot be read is due: `handle` says why."""
        if record.topic != SEAL_RETRY.name:
            return 0.0
        try:
            return self._retries.remaining(SealRetry.from_dict(read_json(record.value or b""))) / 1000
        except (WireError, ValidationError):
            return 0.0

    async def handle(self, record: Incoming) -> Effects:
        """Seal one order. Raises StoreUnavailable for our own store only."""
        # 1. Read the order, or the retry that carries it.
        try:
            retry, order = _read(record)
            digest = order_digest(order)
        except (WireError, ValidationError, CanonicalError) as error:
            return Effects(
                sends=(outputs.dead_letter(record, "seal", "invalid_internal", f"not a seal order: {_brief(error)}"),)
            )
        effects = await self._sealed(record, retry, order, digest)
        if not any(send.topic == SEAL_RETRY.name for send in effects.sends):
            self._retries.forget(order)
        return effects

    async def _sealed(self, record: Incoming, retry: SealRetry | None, order: SealOrder, digest: str) -> Effects:
        # 2. Find its predecessor: where it lies, and its hash.
        before = await self._predecessor(order)
        # 3. Gather the sources.
        readable, withheld = sources_of(order, self._source_buckets, redacting=self._redactor is not None)
        read = await asyncio.gather(
            *(read_source(self._store, source, self._max_artifact_bytes) for source in readable)
        )
        failures = [one for one in read if isinstance(one, Failure)]
        waits: dict[str, str] = {one.source.kind: one.detail for one in failures if not one.final}
        opening = await open_trace(self._traces, order, self._bucket)
        if opening.wait is not None:
            waits["trace"] = opening.wait
        if order.supersedes is not None and before is None:
            waits["predecessor"] = "the superseded version has no manifest yet"
        if waits and not self._retries.is_spent(retry, waits):
            later = self._retries.later(order, retry, waits)
            return Effects(sends=(Outgoing(SEAL_RETRY.name, order.canonical_call_id.encode(), later.to_bytes()),))
        unread = (missing(one.source.kind, "fetch_failed", one.detail) for one in failures)
        absent = (*withheld, *opening.absent, *unread)
        found = [one for one in read if isinstance(one, Found)]
        clearance: Clearance | None = None
        for one in found:
            if one.body is not None:
                answer = await self._cleared(one, order)
                if isinstance(answer, Missing):
                    absent = (*absent, answer)
                    found = [other for other in found if other is not one]
                else:
                    clearance = answer
        # 4. Store the artifacts.
        facts = facts_of(order.canonical_call_id, order.items, order.tool_rules)
        try:
            made = (*made_artifacts(order, facts, self._bucket), *opening.found)
            gathered, to_store = describe(order, found, clearance, made, absent, self._buckets)
            # All at once: they are independent, and each may be written twice. The manifest waits for the last.
            puts = (self._put_once(one.artifact.uri, one.body, order, one.artifact.media_type) for one in to_store)
            await asyncio.gather(*puts)
            # 5. Decide.
            if before is not None:
                gathered = replace(gathered, previous_hash=before[1])
            manifest = decide(order, facts, gathered, self._produced_by, digest)
            body = manifest_bytes(manifest)
        except (CanonicalError, ValidationError) as error:
            return Effects(
                sends=(outputs.dead_letter(record, "seal", "invalid_internal", f"cannot be sealed: {_brief(error)}"),)
            )
        # 6. Commit the manifest.
        uri = self._beside(before[0], order) if before is not None else self._uri(order, order.ended_at, order.version)
        if self._sign is not None:
            # Before the manifest, under its hash: so whoever adopts a manifest never signs what it did not make.
            envelope = attestation.signed(manifest, hash_of(body), self._sign)
            await self._put_once(attestation.signature_uri(uri, hash_of(body)), envelope, order)
        existing = await self._commit(uri, body, order)
        if existing is not None:
            uri, body = existing
            try:
                manifest = read_manifest(body)
            except ManifestError as error:
                return self._conflict(record, order, f"at the manifest's place lies something else: {error}")
            if manifest.order_digest != digest:
                return self._disagreement(record, order, manifest)
        # 7. Publish.
        packet = packet_of(manifest, uri, hash_of(body))
        if self._observe is not None:
            self._observe(packet, order)
        return Effects(sends=tuple(_publish(packet)))

    async def _cleared(self, found: Found, order: SealOrder) -> Clearance | Missing:
        """The transcript cleared by what is known of the call; where that cannot be read, it is not shown."""
        try:
            values = () if self._redactor is None else await self._own(self._known(order))
        except (KeysGone, UnknownKeys, ValueError) as error:
            return missing("transcript", "redaction_failed", f"its known values cannot be read: {error}")
        return await clear(self._redactor, found, values)

    def _uri(self, order: SealOrder, at: int, version: int) -> str:
        return manifest_uri(self._bucket, order.canonical_call_id, at, version)

    def _beside(self, previous_uri: str, order: SealOrder) -> str:
        """All versions of a call lie under the day of its first one, even if a later one knows its end better."""
        stem = previous_uri.removesuffix(f"/v{order.version - 1}/manifest.json")
        return f"{stem}/v{order.version}/manifest.json"

    def _days(self, order: SealOrder) -> list[int]:
        """Instants on each day under which a version of this call may lie: its end, or what stood for it earlier."""
        seen = {day_of(order.ended_at): order.ended_at}
        for item in order.items:
            for at in (item.occurred_at, item.received_at, item.occurred_at - DAY_MS, item.received_at - DAY_MS):
                seen.setdefault(day_of(at), at)
        return list(seen.values())

    async def _predecessor(self, order: SealOrder) -> tuple[str, str] | None:
        """(URI, hash) of the manifest that this version supersedes; None when there is none (yet)."""
        if order.supersedes is None:
            return None
        for at in self._days(order):
            uri = self._uri(order, at, order.supersedes.version)
            try:
                return uri, hash_of(await self._own(self._store.get(uri, max_bytes=MAX_MANIFEST_BYTES)))
            except (ObjectMissing, ObjectTooLarge):
                continue
        return None

    async def _commit(self, uri: str, body: bytes, order: SealOrder) -> tuple[str, bytes] | None:
        """Put the manifest unless one is there; else (URI, bytes) of the one that is."""
        if order.version == 1 and not any(item.kind == "call" for item in order.items):
            # Without call-ended the day is a guess: an earlier life of the call may lie under another one.
            for at in self._days(order)[1:]:
                elsewhere = self._uri(order, at, 1)
                try:
                    return elsewhere, await self._own(self._store.get(elsewhere, max_bytes=MAX_MANIFEST_BYTES))
                except ObjectMissing:
                    continue
        if await self._put_once(uri, body, order) == "stored":
            return None
        try:
            return uri, await self._own(self._store.get(uri, max_bytes=MAX_MANIFEST_BYTES))
        except (ObjectMissing, ObjectTooLarge) as error:
            raise StoreUnavailable(uri, f"it exists, and cannot be read back: {error.detail}") from error

    async def _own(self, operation: Awaitable[T]) -> T:
        """Our own store answers, or says "not there" or "too large"; anything else means: pause, do not decide."""
        try:
            return await operation
        except (ObjectMissing, ObjectTooLarge, StoreUnavailable):
            raise
        except StoreError as error:
            raise StoreUnavailable(error.uri, error.detail) from error

    async def _put_once(
        self, uri: str, body: bytes, order: SealOrder, media_type: str = JSON_TYPE
    ) -> Literal["stored", "exists"]:
        """Write to our own store; every failure, a missing bucket included, is StoreUnavailable."""
        kept = order.review.retention_class
        try:
            return await self._store.put_once(uri, body, media_type=media_type, retention_class=kept)
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreUnavailable(error.uri, error.detail) from error

    def _disagreement(self, record: Incoming, order: SealOrder, existing: Manifest) -> Effects:
        """This version was sealed before, on another order: an earlier life of the call, or two orders for one life."""
        used = {(entry.topic, entry.partition, entry.offset) for entry in existing.evidence}
        mine = {(item.position.topic, item.position.partition, item.position.offset) for item in order.items}
        if order.version == 1 and not used & mine:
            detail = "the call was sealed and forgotten before this evidence came; its version 1 stands"
            return Effects(sends=(outputs.dead_letter(record, "seal", "late", detail),))
        return self._conflict(record, order, f"version {order.version} was sealed on another order")

    def _conflict(self, record: Incoming, order: SealOrder, detail: str) -> Effects:
        alert = JoinAlert(
            alert_id=f"{order.canonical_call_id}/identity_conflict/order-v{order.version}",
            kind="identity_conflict",
            state="firing",
            raised_at=order.decided_at,
            canonical_call_id=order.canonical_call_id,
            since=order.decided_at,
            runbook_url=RUNBOOK,
            detail=detail,
        )
        return Effects(
            sends=(
                outputs.dead_letter(record, "seal", "order_conflict", detail),
                outputs.alert(alert, "seal", order.canonical_call_id),
            )
        )


def _read(record: Incoming) -> tuple[SealRetry | None, SealOrder]:
    document = read_json(record.value or b"")
    if record.topic == SEAL_RETRY.name:
        retry = SealRetry.from_dict(document)
        return retry, retry.order
    return None, SealOrder.from_dict(document)


def _publish(packet: Packet) -> list[Outgoing]:
    """The packet on `packets`; where its content is not for everybody, a stub there and the body beside it."""
    if not is_restricted(packet):
        return [_outgoing(PACKETS.name, packet, packet.packet_id)]
    return [
        _outgoing(PACKETS.name, stub_of(packet), packet.packet_id),
        _outgoing(PACKETS_RESTRICTED.name, packet, f"{packet.packet_id}/restricted"),
    ]


def _outgoing(topic: str, packet: Packet, event_id: str) -> Outgoing:
    return outputs.public(
        topic,
        "seal",
        key=packet.canonical_call_id.encode(),
        value=packet_bytes(packet),
        event_id=event_id,
        subject=packet.canonical_call_id,
        time_ms=packet.sealed_at,
    )


def _brief(error: Exception) -> str:
    """What is wrong, without the values."""
    if isinstance(error, ValidationError):
        return ", ".join(sorted({".".join(map(str, item["loc"])) or "order" for item in error.errors()})[:5])
    return str(error)[:200]
