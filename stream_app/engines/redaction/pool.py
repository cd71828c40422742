"""The only place that runs redaction beside the event loop: processes, how many calls wait, how long one may take.

A call that takes too long is refused, and the process that had it is ended: it would hold its place for ever. Calls
that were in the same pool by then are tried once more in the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from stream_app.core.wire import Json
from stream_app.engines.redaction import work
from stream_app.pipeline.ports import Cleared, RedactionFailed

T = TypeVar("T")
_TRIES = 2


class RedactionPool:
    """A `Redactor` of `processes` processes. Starts them with the first call; `close` ends them."""

    def __init__(
        self,
        *,
        processes: int = 1,
        timeout_s: float = 20.0,
        use_model: bool = True,
        organisations: Sequence[str] = (),
        cache: Path | None = None,
        niceness: int = 5,
    ) -> None:
        """`timeout_s` counts from when a call is handed to the processes; until then it waits outside.

        `organisations`: names that are never a person's.
        """
        self._processes = processes
        self._room = asyncio.Semaphore(processes + 1)  # One more than is worked on, so that none is idle.
        self._timeout_s = timeout_s
        self._use_model = use_model
        self._organisations = frozenset(word.lower() for name in organisations for word in name.split())
        self._prepare = (cache, niceness)
        self._pool: ProcessPoolExecutor | None = None

    async def clear(self, body: bytes, values: Sequence[Json], *, stated_redacted: bool) -> Cleared:
        """See `Redactor`. Raises RedactionFailed."""
        return await self._call(work.clear, body, list(values), self._organisations, self._use_model, stated_redacted)

    async def warm(self) -> None:
        """Start the processes and load the model, so that the first call does not wait for them. Never raises."""
        with contextlib.suppress(RedactionFailed):
            await self._call(work.warm, self._use_model)

    async def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        async with self._room:
            for tried in range(1, _TRIES + 1):
                pool = self._opened()
                try:
                    answer = asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
                    return await asyncio.wait_for(answer, self._timeout_s)
                except TimeoutError:
                    self._give_up(pool)
                    raise RedactionFailed("timeout", f"it took longer than {self._timeout_s:g} s") from None
                except BrokenProcessPool:
                    self._give_up(pool)
                    if tried == _TRIES:
                        raise RedactionFailed("crashed", "the process that redacts ended twice") from None
                except RedactionFailed:
                    raise
                except Exception as error:  # A defect: no text of it may be shown, it could quote the transcript.
                    raise RedactionFailed("defect", type(error).__name__) from None
        raise AssertionError("unreachable")

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes, mp_context=get_context("spawn"), initializer=work.begin, initargs=self._prepare
            )
        return self._pool

    def _give_up(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False)  # What waits in it fails as broken, and is tried in the next pool.
    for process in processes:
        process.kill()
