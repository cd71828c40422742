"""The only place that stands between the workers and the S3 server, and lets them down: away, slow, 503, cut."""

from __future__ import annotations

import asyncio
from random import Random
from types import TracebackType
from typing import Literal, Self

Mode = Literal["pass", "away", "slow", "unavailable", "cut"]
MODES: tuple[Mode, ...] = ("away", "slow", "unavailable", "cut")
"""Each way to fail: connections are refused; every chunk waits; every request is answered 503; bodies end early."""

_ERROR = b'<?xml version="1.0"?><Error><Code>ServiceUnavailable</Code><Message>chaos</Message></Error>'
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_ERROR), _ERROR)
)
_CHUNK = 16 << 10


class Proxy:
    """A TCP proxy on loopback; `mode` may change at any time and holds for open connections too."""

    def __init__(self, host: str, port: int, seed: int = 0) -> None:
        self._target = (host, port)
        self._random = Random(seed)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._mode: Mode = "pass"
        self.spoiled = 0
        """How many chunks or connections a mode has spoiled."""

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:<port>`."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def mode(self) -> Mode:
        """What it does now."""
        return self._mode

    def become(self, mode: Mode) -> None:
        """Change what it does; to be away cuts the connections that are open."""
        self._mode = mode
        if mode == "away":
            for task in self._connections:
                task.cancel()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward: asyncio.StreamWriter | None = None
        try:
            if self._mode == "away":
                self.spoiled += 1
                return
            back, onward = await asyncio.open_connection(*self._target)
            pumps = [
                asyncio.create_task(self._pump(reader, onward, writer, request=True)),
                asyncio.create_task(self._pump(back, writer, writer, request=False)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            return
        finally:
            for end in (writer, onward):
                if end is not None:
                    # Not in order: a peer must see that something is wrong.
                    end.transport.abort() if self._mode in ("away", "cut") else end.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: asyncio.StreamWriter, *, request: bool
    ) -> None:
        while chunk := await source.read(_CHUNK):
            match self._mode:
                case "away":
                    return
                case "slow":
                    self.spoiled += 1
                    await asyncio.sleep(self._random.uniform(0.3, 1.5))
                case "unavailable" if request:
                    self.spoiled += 1
                    client.write(_UNAVAILABLE)
                    await client.drain()
                    return
                case "cut" if self._random.random() < 0.5:
                    # Head and some of the body have come through: the worst place to stop.
                    self.spoiled += 1
                    sink.write(chunk[: max(1, len(chunk) - self._random.randint(1, 200))])
                    await sink.drain()
                    await asyncio.sleep(0.02)
                    return
                case _:
                    pass
            sink.write(chunk)
            await sink.drain()
