"""The only place that speaks HTTP with providers: `POST /webhooks/{provider}` and `/webhooks/{provider}/{source}`.

Steps: 1 known provider, 2 body limit, 3 raw body, 4 how many at a time; 5 to 11 in `reception`. The second address
names who sends, and so the events' source. Whatever goes wrong is answered in JSON with a typed reason. What is logged
of a request is its provider, what became of it, and how long that took: never a body, a header or a query.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from stream_app.gateway.answers import Answer, Outcome
from stream_app.gateway.public_url import public_url
from stream_app.gateway.reception import Reception, Webhook
from stream_app.gateway.signatures.registry import Scheme, scheme_named
from stream_app.gateway.signatures.request import Received
from stream_app.pipeline.ports import NotConfirmed, StoreError

log = logging.getLogger(__name__)
access = logging.getLogger("stream_app.gateway.access")

UNKNOWN = "unknown"
BODY_WITHIN_S = 15.0
"""How long a body may take to come."""
CHECKED_FOR_S = 2.0
"""How long an answer of `/readyz` stands: asking it often costs broker and store nothing."""
_READING = 4
"""Bodies that are on their way, for each webhook worked on: slow senders do not keep out the others."""
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RAW = logging.getLogger("stream_app.gateway.http")
_RAW.addHandler(logging.NullHandler())
_RAW.propagate = False  # The library logs requests that it cannot read, whole.

Observe = Callable[[str, Outcome, float], None]
Ask = Callable[[], Awaitable[None]]


class GatewayPortError(Exception):
    """The port cannot be had; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the gateway takes on."""

    body_bytes: int
    in_flight: int
    drain_s: float


@dataclass(frozen=True, slots=True)
class Address:
    """What providers know the gateway by."""

    public_url: str | None = None
    trust_forwarded_proto: bool = False


class Gateway:
    """Webhooks in, answers out; `serve` puts it on a port."""

    def __init__(
        self,
        reception: Reception,
        limits: Limits,
        address: Address,
        *,
        ready: dict[str, Ask],
        problems: Callable[[], tuple[str, ...]] = tuple,
        observe: Observe = lambda *_: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`ready`: what is needed, and a question that raises NotConfirmed or StoreError where it is away."""
        self.stopping = False
        self._reception = reception
        self._limits = limits
        self._address = address
        self._ready = ready
        self._problems = problems
        self._observe = observe
        self._clock_ms = clock_ms
        self._open = self._working = 0
        self._checked: tuple[float, list[dict[str, str]]] | None = None
        self._checking = asyncio.Lock()

    def application(self) -> web.Application:
        """The routes."""
        made = web.Application(client_max_size=0)
        made.add_routes(
            [
                web.post("/webhooks/{provider}", self._webhook),
                web.post("/webhooks/{provider}/{source}", self._webhook),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
            ]
        )
        return made

    async def _webhook(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        self._open += 1
        provider, size = UNKNOWN, 0
        try:
            # 1. Is there such a provider?
            scheme, source = _addressed(request)
            provider = scheme.name if scheme is not None else UNKNOWN
            if scheme is None:
                answer = Answer("unknown", "unknown_provider")
            elif self.stopping:
                answer = Answer("stopping")
            else:
                answer, size = await self._take(request, scheme, source)
        except Exception as error:
            # An error's text may quote what it failed on: the place only.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
            log.error(
                "no answer to a webhook of %s (%s at %s): please report it", provider, type(error).__name__, place
            )
            answer = Answer("defect")
        finally:
            self._open -= 1
        took = time.monotonic() - began
        self._observe(provider, answer.outcome, took)
        access.info(
            "%s %d %s%s events=%d bytes=%d ms=%.1f", provider, answer.status, answer.outcome,
            f" {answer.reason}" if answer.reason else "", len(answer.event_ids), size, took * 1000,
        )  # fmt: skip
        response = _json(answer.to_dict(), answer.status, answer.headers)
        if self.stopping or answer.outcome in ("too_large", "too_slow", "busy"):
            response.force_close()  # What is left of the body is not waited for.
        return response

    async def _take(self, request: web.Request, scheme: Scheme, source: str) -> tuple[Answer, int]:
        # 2. As it says of itself.
        if (request.content_length or 0) > self._limits.body_bytes:
            return Answer("too_large", "body_too_large"), 0
        if self._open > _READING * self._limits.in_flight:
            return Answer("busy", "too_many_connections"), 0
        # 3. And as it is.
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _body(request, self._limits.body_bytes)
        except TimeoutError:
            return Answer("too_slow", "body_too_slow"), 0
        except (web.RequestPayloadError, ConnectionError):
            return Answer("refused", "not_readable"), 0
        if body is None:
            return Answer("too_large", "body_too_large"), 0
        # 4. Now it costs something.
        if self._working >= self._limits.in_flight:
            return Answer("busy", "too_many_in_flight"), len(body)
        self._working += 1
        try:
            received = Received(request.method, self._url(request), tuple(request.headers.items()), body)
            webhook = Webhook(scheme, source, received, dict(request.query), self._clock_ms())
            return await self._reception.receive(webhook), len(body)
        finally:
            self._working -= 1

    def _url(self, request: web.Request) -> str:
        trusted = self._address.trust_forwarded_proto
        return public_url(
            request.raw_path,
            host=request.headers.get("Host", ""),
            scheme=request.scheme,
            base=self._address.public_url,
            forwarded_proto=request.headers.get("X-Forwarded-Proto") if trusted else None,
        )

    async def _livez(self, _request: web.Request) -> web.Response:
        return _json({"ok": True}, 200)

    async def _readyz(self, _request: web.Request) -> web.Response:
        reasons = list(await self._away())
        reasons += [{"cause": "secrets", "detail": problem} for problem in self._problems()]
        if self.stopping:
            reasons.insert(0, {"cause": "stopping", "detail": "the gateway was told to stop"})
        return _json({"ok": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def _away(self) -> list[dict[str, str]]:
        """What is needed and does not answer, as of CHECKED_FOR_S ago or later."""
        async with self._checking:
            if self._checked is None or time.monotonic() - self._checked[0] > CHECKED_FOR_S:
                found = await asyncio.gather(*(_asked(cause, ask) for cause, ask in self._ready.items()))
                self._checked = (time.monotonic(), [one for one in found if one is not None])
            return self._checked[1]

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen while the block runs; yields the base URL. Port 0 is any free one. Raises GatewayPortError.

        At its end nothing new is taken, and what is in flight has `drain_s` to end.
        """
        runner = web.AppRunner(
            self.application(), access_log=None, logger=_RAW, handle_signals=False, lingering_time=1.0,
            shutdown_timeout=max(0.1, self._limits.drain_s),
        )  # fmt: skip
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise GatewayPortError(
                    f"cannot listen on {host}:{port} ({error.strerror or error}): set STREAM_APP_GATEWAY_PORT to a "
                    "free port (0: any), STREAM_APP_GATEWAY_HOST to an address of this machine"
                ) from None
            yield f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"
        finally:
            self.stopping = True
            await runner.cleanup()


def _addressed(request: web.Request) -> tuple[Scheme | None, str]:
    """1. Whom the request is from, and the source of its events."""
    name, sender = request.match_info["provider"], request.match_info.get("source")
    try:
        scheme = scheme_named(name)
    except KeyError:
        return None, ""
    if sender is None:
        return scheme, name
    return (scheme, f"{name}/{sender}") if _SOURCE.fullmatch(sender) else (None, "")


async def _body(request: web.Request, limit: int) -> bytes | None:
    """The raw bytes; None for more than the limit."""
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


async def _asked(cause: str, ask: Ask) -> dict[str, str] | None:
    try:
        async with asyncio.timeout(5):
            await ask()
    except TimeoutError:
        return {"cause": cause, "detail": "no answer within 5 s"}
    except (NotConfirmed, StoreError) as error:
        return {"cause": cause, "detail": str(error)}
    return None


def _json(document: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        text=json.dumps(document) + "\n", status=status, headers=headers, content_type="application/json"
    )
