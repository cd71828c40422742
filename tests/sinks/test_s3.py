"""S3ObjectStore against the real server: conditional writes, typed errors, streaming, rooms that stay apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from stream_app import __version__
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import ObjectDenied, ObjectMissing, ObjectTooLarge, StoreError, StoreUnavailable
from stream_app.sinks.s3 import S3ObjectStore, _typed, split_uri


def _open(stack: Endpoints, identity: str, **options: object) -> S3ObjectStore:
    keys = stack.credentials[identity]
    return S3ObjectStore(
        endpoint_url=stack.s3_endpoint,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
async def sealer(stack: Endpoints) -> AsyncIterator[S3ObjectStore]:
    async with _open(stack, "sealer") as store:
        yield store


def _fresh(name: str = "object") -> str:
    return f"s3://review-packets/test/{uuid4()}/{name}"


async def test_what_is_put_comes_back_with_size_and_media_type(sealer: S3ObjectStore) -> None:
    uri, body = _fresh("kéy with space.json"), b'{"a":1}'
    await sealer.put(uri, body, media_type="application/json")
    assert await sealer.get(uri, max_bytes=100) == body
    info = await sealer.head(uri)
    assert (info.uri, info.size, info.media_type) == (uri, len(body), "application/json")


async def test_put_once_never_overwrites(sealer: S3ObjectStore) -> None:
    uri = _fresh()
    assert await sealer.put_once(uri, b"first", media_type="text/plain") == "stored"
    assert await sealer.put_once(uri, b"second", media_type="text/plain") == "exists"
    assert await sealer.get(uri, max_bytes=100) == b"first"


async def test_twenty_writers_have_exactly_one_winner_and_its_bytes_stay(stack: Endpoints) -> None:
    uri = _fresh()
    async with _open(stack, "sealer", timeout_seconds=120.0) as store:
        bodies = [f"writer {number}".encode() for number in range(20)]
        answers = await asyncio.gather(*(store.put_once(uri, body, media_type="text/plain") for body in bodies))
        assert sorted(answers) == ["exists"] * 19 + ["stored"]
        assert await store.get(uri, max_bytes=100) == bodies[answers.index("stored")]


async def test_digest_streams_several_chunks(sealer: S3ObjectStore) -> None:
    uri, body = _fresh(), b"0123456789abcdef" * 300_000
    await sealer.put(uri, body, media_type="application/octet-stream")
    assert await sealer.digest(uri, max_bytes=len(body)) == (sha256(body).hexdigest(), len(body))


async def test_an_empty_object_is_an_object(sealer: S3ObjectStore) -> None:
    uri = _fresh()
    await sealer.put(uri, b"", media_type="text/plain")
    assert await sealer.get(uri, max_bytes=0) == b""
    assert await sealer.digest(uri, max_bytes=0) == (sha256(b"").hexdigest(), 0)


async def test_a_larger_object_than_allowed_is_refused(sealer: S3ObjectStore) -> None:
    uri = _fresh()
    await sealer.put(uri, b"12345", media_type="text/plain")
    assert await sealer.get(uri, max_bytes=5) == b"12345"
    with pytest.raises(ObjectTooLarge, match="5 bytes, at most 4"):
        await sealer.get(uri, max_bytes=4)
    with pytest.raises(ObjectTooLarge):
        await sealer.digest(uri, max_bytes=4)
    # The connection of a refused body must not be handed out again half read.
    assert await sealer.get(uri, max_bytes=5) == b"12345"


async def test_list_gives_the_keys_below_a_prefix_in_order(sealer: S3ObjectStore) -> None:
    prefix = f"s3://review-packets/test/{uuid4()}/"
    for name in ("b", "a", "c/d"):
        await sealer.put(prefix + name, b"x", media_type="text/plain")
    assert [uri async for uri in sealer.list(prefix)] == [prefix + "a", prefix + "b", prefix + "c/d"]
    assert [uri async for uri in sealer.list(prefix + "nothing/")] == []


async def test_what_is_not_there_is_missing(sealer: S3ObjectStore, stack: Endpoints) -> None:
    uri = _fresh()
    for attempt in (sealer.get(uri, max_bytes=1), sealer.head(uri), sealer.digest(uri, max_bytes=1)):
        with pytest.raises(ObjectMissing) as caught:
            await attempt
        assert caught.value.uri == uri
    async with _open(stack, "admin") as admin:
        with pytest.raises(ObjectMissing, match="NoSuchBucket"):
            await admin.put("s3://no-such-bucket/key", b"x", media_type="text/plain")


async def test_each_identity_stays_in_its_room(sealer: S3ObjectStore, stack: Endpoints) -> None:
    uri, drop = _fresh(), f"s3://provider-drop/test/{uuid4()}"
    await sealer.put(uri, b"manifest", media_type="text/plain")
    async with _open(stack, "provider") as provider, _open(stack, "reviewer") as reviewer:
        await provider.put(drop, b"audio", media_type="audio/wav")
        assert await sealer.get(drop, max_bytes=10) == b"audio"
        assert await reviewer.get(uri, max_bytes=10) == b"manifest"
        refused = [
            sealer.put_once(drop + "-x", b"x", media_type="text/plain"),
            reviewer.put(uri, b"forged", media_type="text/plain"),
            reviewer.get(drop, max_bytes=10),
            provider.get(uri, max_bytes=10),
            provider.put_once(uri + "-x", b"x", media_type="text/plain"),
            reviewer.get("s3://raw-restricted/any", max_bytes=10),
            provider.get("s3://raw-restricted/any", max_bytes=10),
        ]
        for attempt in refused:
            with pytest.raises(ObjectDenied):
                await attempt
    assert await sealer.get(uri, max_bytes=10) == b"manifest"


async def test_wrong_keys_are_denied(stack: Endpoints) -> None:
    async with S3ObjectStore(endpoint_url=stack.s3_endpoint, access_key="dev-sealer", secret_key="wrong") as store:
        with pytest.raises(ObjectDenied):
            await store.get(_fresh(), max_bytes=1)


async def test_ensure_bucket_may_be_repeated(stack: Endpoints) -> None:
    name = f"test-{uuid4()}"
    async with _open(stack, "admin") as admin:
        await admin.ensure_bucket(name)
        await admin.ensure_bucket(name)
        assert await admin.round_trip(name) > 0


async def test_a_store_that_is_away_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    async with S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        for attempt in (
            store.get("s3://bucket/key", max_bytes=1),
            store.put_once("s3://bucket/key", b"x", media_type="text/plain"),
        ):
            with pytest.raises(StoreUnavailable):
                await attempt


async def _answering(reply: bytes) -> tuple[asyncio.Server, str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", StoreUnavailable),
        (b"HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n", StoreUnavailable),
        (b"HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nhalf", StoreUnavailable),
        (b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", ObjectDenied),
        (b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", ObjectMissing),
        (b"not HTTP at all\r\n\r\n", StoreUnavailable),
    ],
)
async def test_every_bad_answer_has_its_error(reply: bytes, expected: type[StoreError]) -> None:
    server, endpoint = await _answering(reply)
    async with server, S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        with pytest.raises(StoreError) as caught:
            await store.get("s3://bucket/key", max_bytes=100)
        assert type(caught.value) is expected


async def test_a_conflict_is_tried_again() -> None:
    replies = [b"HTTP/1.1 409 x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n"]
    left = list(replies)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        assert await store.put_once("s3://bucket/key", b"", media_type="text/plain") == "stored"
    assert left == []


def _refusal(status: int, code: str, message: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return b"HTTP/1.1 %d x\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s" % (
        status, len(body), body,
    )  # fmt: skip


@pytest.mark.parametrize("status", [400, 403])
async def test_a_lock_in_the_way_of_a_put_once_says_that_something_is_there(status: int) -> None:
    server, endpoint = await _answering(_refusal(status, "ObjectLocked", "Object is WORM protected"))
    async with server, S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        assert await store.put_once("s3://bucket/key", b"", media_type="text/plain") == "exists"


@pytest.mark.parametrize(
    ("status", "code", "error"), [(403, "AccessDenied", ObjectDenied), (400, "InvalidRequest", StoreError)]
)
async def test_a_refusal_without_a_lock_is_no_sign_of_an_object(status: int, code: str, error: type[Exception]) -> None:
    server, endpoint = await _answering(_refusal(status, code, "no"))
    async with server, S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        with pytest.raises(error):
            await store.put_once("s3://bucket/key", b"", media_type="text/plain")


async def test_requests_say_whose_they_are() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, S3ObjectStore(endpoint_url=endpoint, access_key="a", secret_key="b", attempts=1) as store:
        await store.get("s3://bucket/key", max_bytes=0)
    assert f"User-Agent: call-evidence-stream/{__version__} ".encode() in asked[0], "and then the client's own"


@pytest.mark.parametrize("uri", ["", "bucket/key", "http://bucket/key", "s3://", "s3:///key"])
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="not an s3://bucket/key URI"):
        split_uri(uri)


def test_split_uri() -> None:
    assert split_uri("s3://bucket/a/b c") == ("bucket", "a/b c")
    assert split_uri("s3://bucket") == ("bucket", "")


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (403, "AccessDenied", "Access Denied", ObjectDenied),
        (400, "InvalidRequest", "Object is WORM protected and cannot be overwritten", ObjectDenied),
        (400, "InvalidRequest", "something else", StoreError),
    ],
)
def test_a_lock_refuses_with_403_or_with_400_and_both_mean_denied(
    status: int, code: str, message: str, error: type[StoreError]
) -> None:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert type(_typed("s3://a/b", ClientError(answer, "DeleteObject"))) is error


async def test_what_bears_a_retention_class_is_locked_for_its_days_where_the_bucket_locks(stack: Endpoints) -> None:
    admin = stack.credentials["admin"]
    keys = {"access_key": admin.access_key, "secret_key": admin.secret_key}
    async with S3ObjectStore(endpoint_url=stack.s3_endpoint, lock_mode="COMPLIANCE", **keys) as store:
        bucket = f"locked-{uuid4()}"
        await store._client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        kept, free = f"s3://{bucket}/kept", f"s3://{bucket}/free"
        assert await store.put_once(kept, b"x", media_type="text/plain", retention_class="qa_180d") == "stored"
        assert await store.put_once(kept, b"y", media_type="text/plain", retention_class="qa_180d") == "exists"
        assert await store.put_once(free, b"x", media_type="text/plain", retention_class="qa") == "stored"
        told = await store._client.head_object(Bucket=bucket, Key="kept")
        assert told["ObjectLockMode"] == "COMPLIANCE"
        assert 179 <= (told["ObjectLockRetainUntilDate"] - datetime.now(UTC)).days <= 180
        with pytest.raises(ObjectDenied):
            await store.delete_version(kept, told["VersionId"])
        bare = await store._client.head_object(Bucket=bucket, Key="free")
        assert "ObjectLockMode" not in bare
        await store.delete_version(free, bare["VersionId"])


async def test_where_a_bucket_has_no_locks_or_none_are_wanted_nothing_is_locked(stack: Endpoints) -> None:
    keys = stack.credentials["sealer"]
    for mode in ("GOVERNANCE", None):
        async with S3ObjectStore(
            endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key, lock_mode=mode
        ) as store:
            uri = f"s3://review-packets/test/{uuid4()}"
            assert await store.put_once(uri, b"x", media_type="text/plain", retention_class="qa_180d") == "stored"
            assert await store.get(uri, max_bytes=9) == b"x"
