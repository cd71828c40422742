"""The only place that runs several stages: one child process each, started anew when it fails, killed when it must be.

A Faust app is one consumer group and a stage ends its process when it cannot go on; so each stage has its own. The
supervisor relays the stages' `ready` lines, waits longer after each quick failure, kills a stage whose heartbeat stays
away, and passes a stop on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Literal

from stream_app.runtime import heartbeat, questions, stage_watch
from stream_app.runtime.stage_line import StageLine
from stream_app.runtime.stage_watch import End, StageWatch

SUPERVISED = "STREAM_APP_SUPERVISED"
"""Set for the children: a stage that has it stops when this process is gone."""
RESTARTS: dict[End, str] = {"failed": "STREAM_APP_RESTARTS_FAILED", "frozen": "STREAM_APP_RESTARTS_FROZEN"}
"""Set for the children: how often the stage was started again before. It counts them in its metrics; we export none."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
STEADY_S = 30.0
"""A stage that ran this long failed for a new reason: its pause starts small again."""


class Supervisor:
    """Runs `command(stage)` for each stage until stopped."""

    def __init__(
        self,
        stages: Sequence[str],
        command: Callable[[str], Sequence[str]],
        *,
        grace_s: float,
        say: Callable[[str], None],
        give_up_after: int | None = None,
        kill_after_s: float = 45.0,
    ) -> None:
        self.watches = tuple(StageWatch(stage, kill_after_s) for stage in stages)
        self.lines = {stage: StageLine() for stage in stages}
        """By these the stages are asked what they know."""
        self._command = command
        self._grace_s = grace_s
        self._say = say
        self._give_up_after = give_up_after
        self._stopping = asyncio.Event()
        self._gave_up = False

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, or gave up."""
        return self._stopping.is_set()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; 0 when stopped, 3 when a stage kept failing and had never once been ready.

        One that was ready before is started again for ever: a broker that is away comes back.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        ticking = asyncio.create_task(self._tick())
        await asyncio.gather(*(self._keep(watch) for watch in self.watches))
        ticking.cancel()
        return 3 if self._gave_up else 0

    async def _tick(self) -> None:
        """Let the watches count silence."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(stage_watch.TICK_S)
            now = time.monotonic()
            for watch in self.watches:
                watch.tick(now - last)
            last = now

    async def _keep(self, watch: StageWatch) -> None:
        stage = watch.stage
        pause, failures, ever_ready = FIRST_PAUSE_S, 0, False
        while not self._stopping.is_set():
            began = time.monotonic()
            ready, code, how = await self._run_once(watch)
            watch.ended(code)
            if self._stopping.is_set():
                return
            ever_ready = ever_ready or ready
            failures += 1
            if not ever_ready and self._give_up_after is not None and failures >= self._give_up_after:
                self._say(f"stage {stage} failed {failures} times before it was ready; giving up (see its log above)")
                self._gave_up = True
                self._stopping.set()
                return
            watch.restarts[how] += 1
            if time.monotonic() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            self._say(f"stage {stage} ended with exit code {code}; starting it again in {pause:.1f} s")
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _run_once(self, watch: StageWatch) -> tuple[bool, int, End]:
        """Run the child to its end, or to ours. (Whether it said `ready`, exit code, what kind of end it was)."""
        stage = watch.stage
        hears, beats = os.pipe()
        asks, answers = socket.socketpair()
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command(stage),
                stdout=asyncio.subprocess.PIPE,
                stderr=sys.stderr,
                start_new_session=True,
                pass_fds=(beats, answers.fileno()),
                env={
                    **os.environ,
                    SUPERVISED: "1",
                    heartbeat.HEARTBEAT_FD: str(beats),
                    questions.QUESTIONS_FD: str(answers.fileno()),
                    **{name: str(watch.restarts[how]) for how, name in RESTARTS.items()},
                },
            )
        except BaseException:
            asks.close()
            raise
        finally:
            os.close(beats)
            answers.close()
        watch.began(child.pid)
        await self.lines[stage].open(asks)
        listening = await heartbeat.listen(hears, watch.beat)
        assert child.stdout is not None
        ready = False

        async def relay(stream: asyncio.StreamReader) -> None:
            nonlocal ready
            while line := await stream.readline():
                text = line.decode(errors="replace").rstrip()
                ready = ready or text.startswith("ready ")
                self._say(text)

        relaying = asyncio.create_task(relay(child.stdout))
        ended = asyncio.create_task(child.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        how = await self._until_over(watch, child, ended, stopping)
        if not ended.done() and how == "failed":
            child.terminate()
            await asyncio.wait({ended}, timeout=self._grace_s)
            if not ended.done():
                self._say(f"stage {stage} did not stop within {self._grace_s:.0f} s; killing it")
                child.kill()
        stopping.cancel()
        code = await ended
        self.lines[stage].close()
        listening.close()
        await asyncio.wait({relaying}, timeout=1)
        relaying.cancel()
        return ready, code, how

    async def _until_over(
        self,
        watch: StageWatch,
        child: asyncio.subprocess.Process,
        ended: asyncio.Task[int],
        stopping: asyncio.Task[Literal[True]],
    ) -> End:
        """Until it has ended or we shall; one that stays silent is killed at once: it would not hear anything else."""
        while not ended.done() and not stopping.done():
            if watch.must_be_killed:
                self._say(f"stage {watch.stage} has not beaten for {watch.silent_s:.0f} s (frozen); killing it")
                child.kill()
                return "frozen"
            await asyncio.wait({ended, stopping}, timeout=stage_watch.TICK_S, return_when=asyncio.FIRST_COMPLETED)
        return "failed"
