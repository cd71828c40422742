"""The requests that go past the client library: what they take for an answer, and that anything else is asked again."""

from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from stream_app.pipeline.ports import ObjectDenied, StoreUnavailable
from stream_app.sinks.s3 import S3ObjectStore
from stream_app.sinks.s3_quick import Room

BODY = b'{"a":1}'


@dataclass
class Asked:
    """A store that answers as it is told, and keeps what was asked."""

    answers: list[web.Response]
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.raw_path, headers, await request.read()))
        return self.answers.pop(0)

    def by_the_library(self) -> list[bool]:
        """Of each request, whether the client library sent it."""
        return ["Boto" in headers["user-agent"] for _, _, headers, _ in self.requests]


@asynccontextmanager
async def asking(*answers: web.Response) -> AsyncIterator[tuple[S3ObjectStore, Asked]]:
    asked = Asked(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", asked.answer)
    async with (
        TestServer(app) as server,
        S3ObjectStore(endpoint_url=str(server.make_url("")).rstrip("/"), access_key="a", secret_key="b") as store,
    ):
        yield store, asked


async def test_a_put_says_what_the_library_would_say() -> None:
    async with asking(web.Response(), web.Response(status=500), web.Response()) as (store, asked):
        await store.put_once("s3://bucket/a key", BODY, media_type="application/json")
        await store.put_once("s3://bucket/a key", BODY, media_type="application/json")
    quick, _, library = asked.requests
    assert asked.by_the_library() == [False, False, True]
    assert (quick[0], quick[1], quick[3]) == (library[0], library[1], library[3]) == ("PUT", "/bucket/a%20key", BODY)
    for name in (
        "content-type", "if-none-match", "content-length", "x-amz-content-sha256", "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm",
    ):  # fmt: skip
        assert quick[2][name] == library[2][name]


async def test_a_get_says_what_the_library_would_say() -> None:
    async with asking(web.Response(status=500), web.Response(body=BODY)) as (store, asked):
        assert await store.get("s3://bucket/a key", max_bytes=100) == BODY
    quick, library = asked.requests
    assert asked.by_the_library() == [False, True]
    assert quick[:2] == library[:2] == ("GET", "/bucket/a%20key")
    assert quick[2]["x-amz-checksum-mode"] == library[2]["x-amz-checksum-mode"] == "ENABLED"


@pytest.mark.parametrize(("status", "outcome"), [(200, "stored"), (412, "exists")])
async def test_a_plain_answer_to_a_put_is_taken(status: int, outcome: str) -> None:
    async with asking(web.Response(status=status)) as (store, asked):
        assert await store.put_once("s3://bucket/key", BODY, media_type="text/plain") == outcome
    assert asked.by_the_library() == [False]


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 429, 500, 503])
async def test_any_other_answer_is_asked_again_through_the_library(status: int) -> None:
    async with asking(web.Response(status=status), web.Response(body=BODY)) as (store, asked):
        assert await store.get("s3://bucket/key", max_bytes=100) == BODY
    assert asked.by_the_library() == [False, True]
    async with asking(web.Response(status=status), web.Response()) as (store, asked):
        assert await store.put_once("s3://bucket/key", BODY, media_type="text/plain") == "stored"
    assert asked.by_the_library() == [False, True]


async def test_the_library_says_what_is_wrong() -> None:
    async with asking(*(web.Response(status=403) for _ in range(4))) as (store, _):
        with pytest.raises(ObjectDenied):
            await store.get("s3://bucket/key", max_bytes=100)
        with pytest.raises(ObjectDenied):
            await store.put_once("s3://bucket/key", BODY, media_type="text/plain")


async def test_a_media_type_with_rules_of_its_own_is_left_to_the_library() -> None:
    async with asking(web.Response()) as (store, asked):
        assert await store.put_once("s3://bucket/key", BODY, media_type="text/plain;  charset=utf-8") == "stored"
    assert asked.by_the_library() == [True]


def checksums() -> list[tuple[str, bytes]]:
    return [
        ("crc32", zlib.crc32(BODY).to_bytes(4, "big")), ("sha256", sha256(BODY).digest()), ("sha1", sha1(BODY).digest())
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "digest"), checksums())
async def test_a_body_is_held_to_the_checksum_that_the_store_has_of_it(name: str, digest: bytes) -> None:
    right = {f"x-amz-checksum-{name}": base64.b64encode(digest).decode()}
    wrong = {f"x-amz-checksum-{name}": base64.b64encode(digest[::-1]).decode()}
    async with asking(web.Response(body=BODY, headers=right), web.Response(body=BODY, headers=wrong)) as (store, _):
        assert await store.get("s3://bucket/key", max_bytes=100) == BODY
        with pytest.raises(StoreUnavailable, match=f"BrokenBody: its {name}"):
            await store.get("s3://bucket/key", max_bytes=100)


async def test_the_checksum_of_an_upload_in_parts_is_not_one_of_the_body() -> None:
    parts = {"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode() + "-3"}
    async with asking(web.Response(body=BODY, headers=parts)) as (store, _):
        assert await store.digest("s3://bucket/key", max_bytes=100) == (sha256(BODY).hexdigest(), len(BODY))


QUERY = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ID%2F20261123%2Feu-west-1%2Fs3%2Faws4_request"


@pytest.mark.parametrize(
    ("presigned", "place"),
    [
        (f"https://bucket.s3.eu-west-1.amazonaws.com/k{QUERY}", ("https", "bucket.s3.eu-west-1.amazonaws.com", "/")),
        (f"http://localhost:8333/bucket/k{QUERY}", ("http", "localhost:8333", "/bucket/")),
    ],
)
def test_where_requests_go_is_what_the_library_resolved(presigned: str, place: tuple[str, str, str]) -> None:
    room = Room.of(presigned)
    assert room is not None
    assert (room.scheme, room.host, room.path) == place
    assert room.signer.region == "eu-west-1"


@pytest.mark.parametrize(
    "presigned",
    [
        "",
        f"https://host/key{QUERY}",
        f"https://host/k{QUERY.replace('%2Fs3%2F', '%2Fs3express%2F')}",
        f"https://host/k{QUERY}&X-Amz-S3session-Token=t",
        f"https://host/k{QUERY.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')}",
    ],
)
def test_requests_of_another_sort_are_left_to_the_library(presigned: str) -> None:
    assert Room.of(presigned) is None


async def test_credentials_come_from_the_rules_of_aws_where_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "for-an-hour")
    asked = Asked([web.Response(body=BODY)])
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", asked.answer)
    async with (
        TestServer(app) as server,
        S3ObjectStore(endpoint_url=str(server.make_url("")).rstrip("/")) as store,
    ):
        assert await store.get("s3://bucket/key", max_bytes=100) == BODY
    headers = asked.requests[0][2]
    assert asked.by_the_library() == [False]
    assert "Credential=from-the-environment/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "for-an-hour"


async def test_behind_a_proxy_everything_goes_through_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    asked = Asked([web.Response(body=BODY)])
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", asked.answer)
    async with TestServer(app) as server:
        monkeypatch.setenv("http_proxy", str(server.make_url("")).rstrip("/"))
        async with S3ObjectStore(endpoint_url="http://store.invalid", access_key="a", secret_key="b") as store:
            assert await store.get("s3://bucket/key", max_bytes=100) == BODY
    assert asked.by_the_library() == [True]
