"""The only place that serves `/v1`: one call by any of its names, open joins, and questions of other workers.

Who may ask: with a token set, who brings it. Without one, whoever is on this machine, where the worker listens on
loopback; nobody where it listens elsewhere. Other workers bring a token always: what they are told is not masked.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from stream_app.core.durations import parse_duration
from stream_app.core.evidence import Kind
from stream_app.core.open_joins import BYS, MAX_LISTED, Wanted
from stream_app.providers.privacy import Screen
from stream_app.runtime import whereabouts
from stream_app.runtime.inquiry import ASK, Inquiry, Workers
from stream_app.settings import STAGES

CALL_S = 0.9
"""Patience with all that is asked for one call: the person waits one second."""
JOINS_S = 30.0
MAX_NAME = 400

Handler = Callable[[web.Request], Awaitable[web.Response]]


class CallApi:
    """The routes. `token` is what people bring, None: nobody needs one; `own` is what other workers bring."""

    def __init__(self, workers: Workers, *, token: str | None, own: str, host: str, screen: Screen) -> None:
        self._workers = workers
        self._token = token
        self.own = own
        """What other workers bring."""
        self._loopback = is_loopback(host)
        self._screen = screen

    def routes(self) -> list[web.RouteDef]:
        """For the worker's HTTP server."""
        return [
            web.get("/v1/calls/{name}", self._guarded(self._call)),
            web.get("/v1/joins", self._guarded(self._joins)),
            web.post(ASK, self._ask),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            if self._token is not None:
                if not _brings(request, self._token):
                    return _refused(401, "unauthorized", "bring STREAM_APP_API_TOKEN as Authorization: Bearer")
            elif not self._loopback:
                return _refused(403, "no_token", "not on loopback, so STREAM_APP_API_TOKEN must be set first")
            elif not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
                return _refused(403, "foreign_host", "without a token only this machine's own address is answered")
            return await handler(request)

        return guarded

    async def _call(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if len(name) > MAX_NAME:
            return _refused(400, "too_long", f"a name has at most {MAX_NAME} characters")
        inquiry = Inquiry(self._workers, CALL_S)
        found = await whereabouts.find(inquiry, name, self._screen)
        silent = inquiry.unanswered
        if found is not None:
            return _json(200, {**found, "unanswered": silent})
        if silent:
            return _json(503, {"error": "no_answer", "detail": "who could know did not answer", "unanswered": silent})
        return _json(404, {"error": "unknown", "detail": "no event named it, or its call was forgotten"})

    async def _joins(self, request: web.Request) -> web.Response:
        try:
            wanted, by = _wanted(request.query)
        except ValueError as error:
            return _refused(400, "bad_question", str(error))
        inquiry = Inquiry(self._workers, JOINS_S)
        found = await whereabouts.open_joins(inquiry, wanted, self._screen)
        if not inquiry.answered:
            return _json(503, {"error": "no_answer", "detail": "no join answered", "unanswered": inquiry.unanswered})
        if by is not None:
            found = {**found, "groupedBy": by, "groups": found["by"][by]}
        return _json(200, {**found, "unanswered": inquiry.unanswered})

    async def _ask(self, request: web.Request) -> web.Response:
        if not _brings(request, self.own):
            return _refused(401, "unauthorized", "workers answer each other by a token")
        try:
            question = await request.json()
            stage, within_s = question.pop("stage"), min(JOINS_S, float(question.pop("withinS")))
            if stage not in STAGES or not isinstance(question["question"], str):
                raise ValueError(stage)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _refused(400, "bad_question", "not a question of a worker")
        return _json(200, {"answer": await self._workers.local(stage, question, within_s)})


def _wanted(query: Mapping[str, str]) -> tuple[Wanted, str | None]:
    unknown = set(query) - {"missing", "olderThan", "by", "limit"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    kinds = [kind for one in query.getall("missing", []) for kind in one.split(",")]  # type: ignore[attr-defined]
    for kind in kinds:
        if kind not in get_args(Kind):
            raise ValueError(f"missing: one of {', '.join(get_args(Kind))}, not {kind!r}")
    by = query.get("by")
    if by is not None and by not in BYS:
        raise ValueError(f"by: one of {', '.join(BYS)}")
    limit = query.get("limit", "100")
    if not limit.isdecimal() or int(limit) > MAX_LISTED:
        raise ValueError(f"limit: a number from 0 to {MAX_LISTED}")
    older = parse_duration(query["olderThan"]) if "olderThan" in query else 0
    now = time.time_ns() // 1_000_000
    return Wanted(now, tuple(msgspec.convert(kinds, list[Kind])), older, int(limit)), by


def is_loopback(host: str) -> bool:
    """Whether the address is this machine's own, whoever else can reach the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _brings(request: web.Request, token: str) -> bool:
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(errors="replace"), f"Bearer {token}".encode())


def _refused(status: int, error: str, detail: str) -> web.Response:
    return _json(status, {"error": error, "detail": detail})


def _json(status: int, document: dict[str, Any]) -> web.Response:
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return web.Response(text=text, status=status, content_type="application/json")
