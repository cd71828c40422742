"""A trace backend over HTTP: one question to one host, and whatever it answers has a name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from stream_app.pipeline.ports import TraceAbsent, TraceUnavailable
from stream_app.sinks.traces import HttpTraceSource
from tests.providers.test_trace_answers import EXPECTED, TRACE, jaeger, otlp

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Backend:
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = said(json.dumps(jaeger()).encode())
        self.asked: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


def said(body: bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


async def slow(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def cut(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100000"})
    await answer.prepare(request)
    await answer.write(b'{"data": [')
    assert request.transport is not None
    request.transport.close()
    return answer


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    made = Backend()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/tempo/"
    yield made
    await runner.cleanup()


async def opened(backend: Backend, trace: str = TRACE, token: str | None = None) -> object:
    async with HttpTraceSource(backend.url, token=token, within_s=0.5, max_bytes=100_000) as source:
        return await source.key_spans(trace)


@pytest.mark.parametrize("document", [jaeger(), otlp("batches"), otlp("trace")])
async def test_a_trace_is_opened(backend: Backend, document: dict[str, object]) -> None:
    backend.answer = said(json.dumps(document).encode())
    assert await opened(backend, token="let-me-in") == EXPECTED
    (asked,) = backend.asked
    assert asked.path == f"/tempo/api/traces/{TRACE}"
    assert asked.headers["Authorization"] == "Bearer let-me-in"


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (said(b"", 404), TraceAbsent, "does not know it"),
        (said(b'{"data": []}'), TraceAbsent, "no span"),
        (said(json.dumps(jaeger("f" * 32)).encode()), TraceAbsent, "another trace"),
        (said(b" " * 200_000), TraceAbsent, "larger than is read"),
        (said(b"", 500), TraceUnavailable, "answered 500"),
        (said(b"", 401), TraceUnavailable, "answered 401"),
        (said(b"<html>"), TraceUnavailable, "not readable"),
        (said(b'{"data": [{"spans": [], "spans": []}]}'), TraceUnavailable, "not readable"),
        (slow, TraceUnavailable, "did not answer"),
        (cut, TraceUnavailable, "did not answer"),
    ],
)
async def test_every_other_answer_has_its_name(
    backend: Backend, answer: Answer, error: type[Exception], told: str
) -> None:
    backend.answer = answer
    with pytest.raises(error, match=told):
        await opened(backend)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "/tempo/api/traces/other"])
async def test_no_redirect_is_followed(backend: Backend, target: str) -> None:
    backend.answer = said(b"", 302, Location=target)
    with pytest.raises(TraceUnavailable, match="answered 302"):
        await opened(backend)
    assert len(backend.asked) == 1


@pytest.mark.parametrize("trace", ["", "../../admin", "A" * 32, "0" * 31, f"{TRACE}?x=1", "call-1"])
async def test_what_is_no_trace_id_is_never_asked_for(backend: Backend, trace: str) -> None:
    with pytest.raises(TraceAbsent, match="not that of a trace"):
        await opened(backend, trace)
    assert backend.asked == []


async def test_a_backend_that_is_away_is_said() -> None:
    async with HttpTraceSource("http://127.0.0.1:1") as source:
        with pytest.raises(TraceUnavailable, match="did not answer"):
            await source.key_spans(TRACE)
