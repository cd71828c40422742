"""The only place for a worker's HTTP server, in its supervisor: `/livez`, `/readyz`, and the routes of `call_api`.

To the first two it answers from what the stages have said by themselves, and from their silence: these cost no stage
anything.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stream_app.runtime.stage_watch import StageWatch


class HealthPortError(Exception):
    """The port cannot be had; the message says what to set."""


def livez(watches: Sequence[StageWatch]) -> dict[str, Any]:
    """Whether every stage has a process that beats: restarting the worker may help where this is false."""
    return _answer(watches, [reason for watch in watches for reason in watch.not_alive()])


def readyz(watches: Sequence[StageWatch], *, stopping: bool = False) -> dict[str, Any]:
    """Whether every stage gets on with its work, or has none."""
    reasons = [reason for watch in watches for reason in watch.not_ready()]
    if stopping:
        reasons.insert(0, {"stage": None, "cause": "stopping", "detail": "the worker was told to stop"})
    return _answer(watches, reasons)


def _answer(watches: Sequence[StageWatch], reasons: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ok": not reasons, "reasons": reasons, "stages": [watch.to_dict() for watch in watches]}


@asynccontextmanager
async def serve(
    watches: Sequence[StageWatch],
    stopping: Callable[[], bool],
    host: str,
    port: int,
    routes: Sequence[web.RouteDef] = (),
) -> AsyncIterator[str]:
    """Serve both, and `routes`, while the block runs; yields the base URL. Port 0 is any free one.

    Raises HealthPortError.
    """

    async def live(_request: web.Request) -> web.Response:
        return _response(livez(watches))

    async def ready(_request: web.Request) -> web.Response:
        return _response(readyz(watches, stopping=stopping()))

    served = web.Application()
    served.add_routes([web.get("/livez", live), web.get("/readyz", ready), *routes])
    runner = web.AppRunner(served, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            # Not the next free port: a probe would then ask another worker, and be told its health.
            raise HealthPortError(
                f"cannot serve /livez and /readyz on {host}:{port} ({error.strerror or error}): set "
                "STREAM_APP_HEALTH_PORT to a free port (0: any), STREAM_APP_HEALTH_HOST to an address of this machine"
            ) from None
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


def _response(answer: dict[str, Any]) -> web.Response:
    body = json.dumps(answer, indent=1) + "\n"
    return web.Response(text=body, status=200 if answer["ok"] else 503, content_type="application/json")
