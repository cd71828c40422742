"""The only place for S3: object storage over one aiobotocore client, URIs `s3://bucket/key`.

Delivery: every write is whole or absent, and safe to repeat. `put_once` has exactly one winner among all writers of
a key, on a store that honours `If-None-Match: *`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Self

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from stream_app import __version__
from stream_app.core.retention import days_of
from stream_app.pipeline.ports import (
    ObjectDenied,
    ObjectInfo,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    StoreError,
    StoreUnavailable,
    Tee,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

log = logging.getLogger(__name__)

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]
PRESIGNED_S = 900
"""The longest life of a presigned address: a quarter of an hour."""
_PROBE_KEY = "_stream-app-probe"
_CHUNK_BYTES = 256 * 1024
_CONFLICT_ATTEMPTS = 6
_OVERLOAD_CODES = frozenset({"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "TooManyRequests"})


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, key) of `s3://bucket/key`; the key may be empty. Raises StoreError for anything else."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise StoreError(uri, "not an s3://bucket/key URI")
    return bucket, key


class S3ObjectStore:
    """An S3 store behind `pipeline.ports.ObjectStore`; an async context manager that owns one client and its pool.

    `endpoint_url` None means AWS itself; keys None mean the credentials that AWS's own rules find. `attempts` is the
    total number of tries of one request, `timeout_seconds` the longest silence within one.
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str = "us-east-1",
        pool_size: int = 32,
        attempts: int = 3,
        timeout_seconds: float = 60.0,
        lock_mode: LockMode | None = None,
    ) -> None:
        """`lock_mode`: what bears a retention class of so many days is locked for them, in buckets that have locks."""
        self._arguments: dict[str, Any] = {
            "endpoint_url": endpoint_url,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "region_name": region,
            "config": AioConfig(
                # us-east-1 with an endpoint of its own would fall back to version 2 for presigned URLs.
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint_url else "auto"},
                max_pool_connections=pool_size,
                # Left to itself the client puts its own together anew for each request: a twelfth of the request's CPU.
                user_agent=f"call-evidence-stream/{__version__}",
                connect_timeout=5.0,
                read_timeout=timeout_seconds,
                retries={"mode": "standard", "total_max_attempts": attempts},
            ),
        }
        self._lock_mode = lock_mode
        self._locks: dict[str, bool] = {}
        """Bucket -> whether it has Object Lock, as far as was asked."""
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(get_session().create_client("s3", **self._arguments))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        await self._stack.aclose()

    async def put_once(
        self, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        """Write the object unless one is there (`If-None-Match: *`).

        "exists" may also mean that an earlier try of this very call went through and its answer was lost: the
        caller reads it back and compares. A store that refuses to write over a locked object (400 or 403, "WORM")
        says the same: something is there. Any other 403 is ObjectDenied. A 409 (two conditional writes at once) is
        tried again, as AWS asks.
        """
        lock = await self._lock_of(uri, retention_class)
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                await self._put(uri, body, media_type, IfNoneMatch="*", **lock)
                return "stored"
            except ClientError as error:
                status = _status(error)
                if status == 412 or _is_locked(error):
                    return "exists"
                if status != 409:
                    raise _typed(uri, error) from error
            await asyncio.sleep(0.05 * 2**attempt * (1 + secrets.randbelow(100) / 100))
        raise StoreUnavailable(uri, f"still in conflict with another write after {_CONFLICT_ATTEMPTS} tries")

    async def put(self, uri: str, body: bytes, *, media_type: str) -> None:
        """Write the object, in place of one that may be there."""
        with _errors(uri):
            await self._put(uri, body, media_type)

    async def get(self, uri: str, *, max_bytes: int) -> bytes:
        """The whole object; ObjectTooLarge beyond `max_bytes` (known from its size before a byte is read)."""
        return b"".join([chunk async for chunk in self._chunks(uri, max_bytes)])

    async def head(self, uri: str) -> ObjectInfo:
        """Size and media type."""
        bucket, key = split_uri(uri)
        with _errors(uri):
            answer = await self._client.head_object(Bucket=bucket, Key=key)
        return ObjectInfo(uri=uri, size=int(answer["ContentLength"]), media_type=answer.get("ContentType"))

    async def digest(self, uri: str, *, max_bytes: int, tee: Tee | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and size, streamed in constant memory; ObjectTooLarge beyond `max_bytes`."""
        running, size = sha256(), 0
        async for chunk in self._chunks(uri, max_bytes):
            running.update(chunk)
            if tee is not None:
                tee(chunk)
            size += len(chunk)
        return running.hexdigest(), size

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """URIs below `s3://bucket/prefix`, in key order."""
        bucket, key = split_uri(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        with _errors(prefix):
            async for page in pages:
                for item in page.get("Contents", ()):
                    yield f"s3://{bucket}/{item['Key']}"

    async def presigned(self, uri: str, *, seconds: int) -> str:
        """An address (signature version 4) by which whoever holds it reads this object, for 1 to PRESIGNED_S seconds.

        Whether the object is there, and these keys may read it, the store says when it is used. Never stored.
        """
        if not 1 <= seconds <= PRESIGNED_S:
            raise ValueError(f"a presigned address is valid for 1 to {PRESIGNED_S} seconds")
        bucket, key = split_uri(uri)
        with _errors(uri):
            arguments = {"Bucket": bucket, "Key": key}
            made: str = await self._client.generate_presigned_url("get_object", Params=arguments, ExpiresIn=seconds)
        return made

    async def delete(self, uri: str) -> None:
        """Remove the object (of a versioned bucket: hide it). ObjectDenied where a lock or our rights forbid it."""
        bucket, key = split_uri(uri)
        with _errors(uri):
            await self._client.delete_object(Bucket=bucket, Key=key)

    async def delete_version(self, uri: str, version: str) -> None:
        """Remove one version for good. ObjectDenied while it is locked."""
        bucket, key = split_uri(uri)
        with _errors(uri):
            await self._client.delete_object(Bucket=bucket, Key=key, VersionId=version)

    async def put_locked(self, uri: str, body: bytes, *, media_type: str, until_ms: int) -> str:
        """Write a version that nobody may remove before `until_ms` (compliance mode). Returns its version ID."""
        bucket, key = split_uri(uri)
        until = datetime.fromtimestamp(until_ms / 1000, UTC)
        with _errors(uri):
            answer = await self._client.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType=media_type,
                ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until,
            )  # fmt: skip
        return str(answer.get("VersionId", ""))

    async def has_lock(self, bucket: str) -> bool:
        """Whether the bucket has Object Lock switched on."""
        try:
            with _errors(f"s3://{bucket}/"):
                answer = await self._client.get_object_lock_configuration(Bucket=bucket)
        except StoreError as error:
            # Stores say "no such configuration", "no such bucket feature" or "not implemented".
            if isinstance(error, ObjectDenied | StoreUnavailable) and "NotImplemented" not in error.detail:
                raise
            return False
        return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    async def keeps_versions(self, bucket: str) -> bool:
        """Whether what is removed from the bucket stays as an older version; also where that was only suspended."""
        with _errors(f"s3://{bucket}/"):
            answer = await self._client.get_bucket_versioning(Bucket=bucket)
        return answer.get("Status") in ("Enabled", "Suspended")

    async def clock(self, bucket: str) -> float:
        """The store's clock, Unix seconds (to the second), as it dates an answer."""
        with _errors(f"s3://{bucket}/"):
            answer = await self._client.list_objects_v2(Bucket=bucket, MaxKeys=1)
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if told is None:
            raise StoreUnavailable(f"s3://{bucket}/", "its answer has no date")
        return parsedate_to_datetime(told).timestamp()

    async def ensure_bucket(self, name: str) -> None:
        """Create the bucket unless it is there."""
        uri = f"s3://{name}/"
        try:
            with _errors(uri):
                await self._client.head_bucket(Bucket=name)
        except ObjectMissing:
            try:
                with _errors(uri):
                    await self._client.create_bucket(Bucket=name)
            except StoreError as error:
                if "BucketAlready" not in error.detail:
                    raise

    async def round_trip(self, bucket: str) -> float:
        """Put a fresh object, get it back, compare. Returns milliseconds; it stays as `_stream-app-probe`."""
        uri, content = f"s3://{bucket}/{_PROBE_KEY}", secrets.token_bytes(64)
        began = time.perf_counter()
        await self.put(uri, content, media_type="application/octet-stream")
        if await self.get(uri, max_bytes=len(content)) != content:
            # Another probe may have written in between; a store that mixes answers up must not pass for ready.
            raise StoreUnavailable(uri, "gave back other bytes than were just written")
        return (time.perf_counter() - began) * 1000

    async def _lock_of(self, uri: str, retention_class: str | None) -> dict[str, Any]:
        """What the request says so that nobody may remove the object before its time."""
        days = None if retention_class is None or self._lock_mode is None else days_of(retention_class)
        bucket, _ = split_uri(uri)
        if days is None:
            return {}
        if bucket not in self._locks:
            try:
                self._locks[bucket] = await self.has_lock(bucket)
            except ObjectDenied:
                log.warning("whether %s has Object Lock these keys may not ask: nothing is locked there", bucket)
                self._locks[bucket] = False
        if not self._locks[bucket]:
            return {}
        until = datetime.now(UTC) + timedelta(days=days)
        return {"ObjectLockMode": self._lock_mode, "ObjectLockRetainUntilDate": until}

    async def _put(self, uri: str, body: bytes, media_type: str, **condition: Any) -> None:
        bucket, key = split_uri(uri)
        try:
            await self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=media_type, **condition)
        except (BotoCoreError, HttpError, TimeoutError) as error:
            raise _typed(uri, error) from error

    async def _chunks(self, uri: str, max_bytes: int) -> AsyncIterator[bytes]:
        bucket, key = split_uri(uri)
        with _errors(uri):
            answer = await self._client.get_object(Bucket=bucket, Key=key)
            size, read = int(answer["ContentLength"]), 0
            async with answer["Body"] as body:
                if size > max_bytes:
                    raise ObjectTooLarge(uri, f"{size} bytes, at most {max_bytes} are read")
                async for chunk in body.iter_chunks(_CHUNK_BYTES):
                    read += len(chunk)
                    yield chunk
            if read != size:
                raise StoreUnavailable(uri, f"broke off after {read} of {size} bytes")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_locked(error: ClientError) -> bool:
    """Whether the store says that a lock is in the way, in so many words: a bare 403 may as well be missing rights."""
    told = error.response.get("Error", {})
    return _status(error) in (400, 403) and "WORM" in f"{told.get('Code', '')} {told.get('Message', '')}"


def _typed(uri: str, error: Exception) -> StoreError:
    """The error of the port that a caller can act on."""
    if isinstance(error, ParamValidationError):
        return StoreError(uri, "not a valid bucket and key")
    if not isinstance(error, ClientError):
        return StoreUnavailable(uri, f"{type(error).__name__}: {error}")
    status, told = _status(error), error.response.get("Error", {})
    code = str(told.get("Code", status))
    detail = f"{code}: {told.get('Message', '')} (HTTP {status})"
    if code in _OVERLOAD_CODES or status == 429 or status >= 500:
        return StoreUnavailable(uri, detail)
    if status == 404:
        return ObjectMissing(uri, detail)
    # A lock refuses with 403 on AWS and SeaweedFS, with 400 and these words on others.
    if status in (401, 403) or _is_locked(error):
        return ObjectDenied(uri, detail)
    return StoreError(uri, detail)


@contextmanager
def _errors(uri: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, HttpError, TimeoutError) as error:
        raise _typed(uri, error) from error


if TYPE_CHECKING:
    _: ObjectStore = S3ObjectStore(endpoint_url=None)
