"""The only place that runs one stage in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from stream_app.pipeline.ports import ObjectStore, StoreError
from stream_app.runtime import faust_app, health_probe, heartbeat, questions
from stream_app.runtime.client import KafkaUnavailable, TopicAbsent
from stream_app.runtime.health import StageHealth
from stream_app.runtime.host import Binding, Host
from stream_app.runtime.host_watch import HostWatch
from stream_app.runtime.state_dir import StateDirError
from stream_app.runtime.supervisor import RESTARTS, SUPERVISED
from stream_app.settings import Settings
from stream_app.telemetry import Recorder

log = logging.getLogger(__name__)

PARENT_CHECK_S = 1.0
EXTRA_STOP_S = 5.0
"""Beyond the drain: how long Faust may take to leave its group before we leave without it."""


COLLECT_AFTER = 100_000
"""Objects made before Python looks for cycles. Its own 700 come with a few dozen records, which hold no
cycle: looking that often took 2.7 of the join's 114 µs an event."""


Store = AbstractAsyncContextManager[ObjectStore]


def run_stage(settings: Settings, binding: Binding, recorder: Recorder, store: Store | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code: 0, or 3 without its surroundings. A failed stage exits 70.

    `store`, not entered yet: what the stage's health asks, where the stage cannot work without one.
    """
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format=f"%(asctime)s %(levelname)s {binding.stage} %(name)s: %(message)s",
    )
    faust_app.quiet_loggers()
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    try:
        return asyncio.run(_run(settings, binding, recorder, store))
    except (KafkaUnavailable, TopicAbsent, StoreError, StateDirError) as error:
        log.error("%s", error)
        return 3


async def _run(settings: Settings, binding: Binding, recorder: Recorder, store: Store | None) -> int:
    parent, bound_s = os.getppid(), settings.drain_s + EXTRA_STOP_S
    health = StageHealth(binding.stage, needs_store=store is not None)
    watched = asyncio.create_task(_watched(settings, health, store), name="health")
    for cause, name in RESTARTS.items():
        recorder.stage_restarted(binding.stage, cause, count=int(os.environ.get(name, "0")))
    host = Host(settings, binding, recorder)
    looking = asyncio.create_task(HostWatch(host, health).run(), name="health of the host")
    answering = asyncio.create_task(questions.serve(questions.claim(), binding.answer), name="questions")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping, bound_s)
    await host.open()
    app = host.app
    app.in_worker = True
    app.finalize()
    await app.start()
    gc.collect()
    gc.freeze()  # What is there now stays until the end: it is looked through no more.
    waiting = asyncio.create_task(stopping.wait())
    orphaned = asyncio.create_task(_stop_when_orphaned(parent, stopping))
    ended = asyncio.create_task(app.wait_until_stopped())
    await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
    if orphaned.done():
        _leave_within(bound_s)
    orphaned.cancel()
    crashed = not stopping.is_set()
    if crashed:
        host.fail("faust", RuntimeError(f"the Faust app ended by itself: {app.crash_reason!r}"))
    await host.close_lanes()
    await app.stop()
    await host.close()
    for beside in (looking, watched, answering):
        beside.cancel()
    await asyncio.wait({looking, watched, answering}, timeout=1)
    return 0


async def _watched(settings: Settings, health: StageHealth, store: Store | None) -> None:
    """Beat, and ask from outside how the stage is, until cancelled; the beat stops for nothing but a blocked loop."""
    beating = asyncio.create_task(heartbeat.beat(heartbeat.claim(), health), name="heartbeat")
    try:
        async with AsyncExitStack() as stack:
            check = None
            if store is not None:
                check = health_probe.store_check(await stack.enter_async_context(store), settings.packet_bucket)
            await health_probe.Probe(settings, health, check).run()
    except Exception as error:  # Then /readyz says for ever that the broker has not answered; say why.
        log.error("the stage's health cannot be asked", exc_info=error)
        await beating
    finally:
        beating.cancel()


async def _stop_when_orphaned(parent: int, stopping: asyncio.Event) -> None:
    """A supervisor that was killed cannot stop its stages: they see that it is gone, and stop by themselves."""
    while SUPERVISED not in os.environ or os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(PARENT_CHECK_S)
    log.warning("the process that started this stage is gone; stopping")
    stopping.set()


def _stop(stopping: asyncio.Event, bound_s: float) -> None:
    """Ask for a graceful stop, and make sure that it ends: kill -9 is a normal way to stop here."""
    if not stopping.is_set():
        stopping.set()
        _leave_within(bound_s)


def _leave_within(bound_s: float) -> None:
    timer = threading.Timer(bound_s, os._exit, args=(0,))
    timer.daemon = True
    timer.start()
