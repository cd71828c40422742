"""The only place for bringing the embedded stack up, looking at it, and taking it down."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from stream_app.dev import broker, jars, ports, probes, processes, store
from stream_app.dev.errors import DiskFullError, PartDiedError, PortTakenError, StackError
from stream_app.dev.parts import MINIMUM_FREE_BYTES
from stream_app.dev.processes import Process
from stream_app.dev.state import Endpoints, PartState, StateDirectory

#: Milliseconds of a round trip through one part; raises while the part does not answer.
Probe = Callable[[Endpoints], float]
#: Told (part, what it is doing now, True when it is ready).
Report = Callable[[str, str, bool], None]

PARTS = ("kafka", "s3")
_LOGS = {"kafka": Path("kafka/broker.log"), "s3": Path("s3/weed.log")}
# SeaweedFS keeps its data through SIGKILL and needs four seconds for SIGTERM; the broker would have to replay its log.
_GRACE_SECONDS = {"kafka": 15.0, "s3": 0.0}
_PORT_ATTEMPTS = 3
_PORT_LOST = re.compile(r"address already in use|BindException|is not available|port .* in use", re.IGNORECASE)

PATIENCE_S = 60.0
"""How long a command that only uses the stack waits for another that is starting or stopping it."""


class _CancelledError(Exception):
    """The other part failed, or the user pressed Ctrl-C."""


@dataclass(frozen=True)
class PartStatus:
    """One part as it is now. `round_trip_ms` is None where it does not answer; then `detail` says what to do."""

    name: str
    pid: int | None
    endpoint: str | None
    round_trip_ms: float | None
    log: Path
    detail: str

    @property
    def healthy(self) -> bool:
        """True if a real round trip went through."""
        return self.round_trip_ms is not None


class Stack:
    """One embedded stack with everything it owns under `root`. Every method may be called from any process."""

    def __init__(
        self,
        root: Path,
        *,
        kafka_port: int | None = None,
        s3_port: int | None = None,
        probe_kafka: Probe = probes.kafka,
        probe_s3: Probe = probes.s3,
        cache: Path | None = None,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
        ready_within_seconds: float = 90.0,
    ) -> None:
        self.directory = StateDirectory(root)
        self.root = self.directory.root
        self._asked = {"kafka": {"broker": kafka_port}, "s3": {"s3": s3_port}}
        self._probes: Mapping[str, Probe] = {"kafka": probe_kafka, "s3": probe_s3}
        self._cache = cache
        self._minimum_free_bytes = minimum_free_bytes
        self._ready_within = ready_within_seconds
        self._cancel = threading.Event()
        self._saving = threading.Lock()

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.root / _LOGS[part]

    def is_running(self) -> bool:
        """True if the process of every part is alive; whether they answer is `status`'s question."""
        state = self.directory.load()
        return all(name in state and _runs(state[name]) for name in PARTS)

    def up(self, report: Report = lambda *_: None, *, patience_s: float = 0.0) -> Endpoints:
        """Start what does not run, wait until every part has answered a real round trip.

        Idempotent. Another command that starts or stops the same stack is given `patience_s` to end. On any failure
        (and on Ctrl-C) what this call started is stopped again; what ran before stays.
        Raises StackError with one message for a person.
        """
        with self.directory.locked(patience_s):
            state = {name: PartState() for name in PARTS} | self.directory.load()
            absent = [name for name in PARTS if not _runs(state[name])]
            if absent:
                self._check_disk()
            self._check_asked_ports(state, absent)
            self._cancel.clear()
            pool = ThreadPoolExecutor(max_workers=len(PARTS), thread_name_prefix="dev-up")
            try:
                jobs = [
                    pool.submit(self._start if name in absent else self._confirm, name, state, report) for name in PARTS
                ]
                # In short turns: a signal that another thread received must not wait for a part's time-out.
                while wait(jobs, timeout=0.2).not_done:
                    pass
            except BaseException:
                self._cancel.set()
                pool.shutdown()
                self._stop_parts(state, absent)
                raise
            pool.shutdown()
            errors = [error for job in jobs if (error := job.exception())]
            if errors:
                self._stop_parts(state, absent)
                raise next((error for error in errors if not isinstance(error, _CancelledError)), errors[0])
            endpoints = self.directory.endpoints(state)
            self.directory.write_env(endpoints)
            return endpoints

    def down(self, report: Report = lambda *_: None) -> list[str]:
        """Stop what runs. Returns the names of the parts that were running. A pid of another program is left alone."""
        if not self.root.exists():
            return []
        with self.directory.locked():
            return self._stop_parts(self.directory.load(), PARTS, report)

    def status(self) -> list[PartStatus]:
        """Every part with its health, by real round trips."""
        state = self.directory.load()
        return [self._status_of(name, state) for name in PARTS]

    def _status_of(self, name: str, state: dict[str, PartState]) -> PartStatus:
        part = state.get(name, PartState())
        found = PartStatus(name, None, None, None, self.log(name), "not running; start it with `stream-app dev up`")
        if part.process is None:
            return found
        if not _runs(part):
            return replace(found, detail="it ended by itself; see its log, then `stream-app dev up`")
        try:
            endpoints = self.directory.endpoints(state)
            endpoint = endpoints.kafka_bootstrap if name == "kafka" else endpoints.s3_endpoint
            found = replace(found, pid=part.process.pid, endpoint=endpoint)
            return replace(found, round_trip_ms=self._probes[name](endpoints), detail="answers")
        except Exception as error:  # whatever the client raises, the answer is "not healthy, because"
            return replace(found, detail=f"runs, but a round trip failed ({_brief(error)}); see its log")

    def _check_disk(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < self._minimum_free_bytes:
            raise DiskFullError(
                f"only {free / 1e6:,.0f} MB free in {self.root}, the stack needs "
                f"{self._minimum_free_bytes / 1e6:,.0f} MB; free some, or name another directory "
                "with --dir or STREAM_APP_DEV_DIR"
            )

    def _check_asked_ports(self, state: dict[str, PartState], absent: list[str]) -> None:
        for name in PARTS:
            for role, port in self._asked[name].items():
                if port is None:
                    continue
                if name not in absent:
                    if state[name].ports.get(role) != port:
                        raise PortTakenError(
                            f"{name} already runs on port {state[name].ports.get(role)}, not on {port}; "
                            "run `stream-app dev down` first"
                        )
                elif not ports.is_free(port):
                    raise PortTakenError(
                        f"port {port}, asked for with --{name}-port, is used by another program; "
                        "name another one, or none: then a free one is chosen"
                    )

    def _start(self, name: str, state: dict[str, PartState], report: Report) -> None:
        try:
            for attempt in range(1, _PORT_ATTEMPTS + 1):
                try:
                    self._start_once(name, state, report)
                    return
                except PartDiedError as error:
                    lost_port = any(_PORT_LOST.search(line) for line in processes.last_lines(error.log, 200))
                    if not lost_port or attempt == _PORT_ATTEMPTS:
                        raise
                    report(name, "a port was taken in the meantime, trying others", False)
                    state[name].ports = {}
        except BaseException:
            self._cancel.set()
            raise

    def _start_once(self, name: str, state: dict[str, PartState], report: Report) -> None:
        home = self.log(name).parent
        self._choose_ports(name, state)
        command = self._prepare(name, home, state[name].ports, report)
        if self._cancel.is_set():
            raise _CancelledError
        report(name, "starting", False)
        process = processes.start_detached(command, log=self.log(name), cwd=home, env=os.environ)
        with self._saving:
            state[name].process = process
            self.directory.save(state)
        self._await_ready(name, process, state, report)

    def _prepare(self, name: str, home: Path, chosen: Mapping[str, int], report: Report) -> list[str]:
        if name == "s3":
            store.configure(home, self.directory.keys())
            return store.start_command(home, chosen)
        broker.java()
        libraries = jars.class_path(
            self._cache, lambda done, total: report(name, f"fetching jars, {done} of {total}", False)
        )
        broker.configure(home, chosen)
        if not broker.is_formatted(home):
            report(name, "formatting its log directory", False)
            self._run(name, broker.format_command(home, libraries), home / "format.log")
        return broker.start_command(home, libraries)

    def _run(self, name: str, command: list[str], log: Path) -> None:
        with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT) as child:
            while child.poll() is None:
                if self._cancel.wait(0.05):
                    child.kill()
                    raise _CancelledError
        if child.returncode:
            raise PartDiedError(
                name, f"could not be formatted (exit {child.returncode})", log, processes.last_lines(log)
            )

    def _choose_ports(self, name: str, state: dict[str, PartState]) -> None:
        asked = {role: port for role, port in self._asked[name].items() if port is not None}
        with self._saving:
            others = [port for other in PARTS if other != name for port in state[other].ports.values()]
            others += [port for roles in self._asked.values() for port in roles.values() if port is not None]
            state[name].ports = asked | ports.choose(
                [role for role in (broker if name == "kafka" else store).PORT_NAMES if role not in asked],
                wanted=state[name].ports,
                paired=store.PAIRED_PORTS if name == "s3" else None,
                avoid=others,
            )

    def _await_ready(self, name: str, process: Process, state: dict[str, PartState], report: Report) -> None:
        until = time.monotonic() + self._ready_within
        serving = state[name].ports["broker" if name == "kafka" else "s3"]
        why: Exception | None = None
        while time.monotonic() < until:
            if self._cancel.wait(0.1):
                raise _CancelledError
            if not processes.is_alive(process):
                raise PartDiedError(name, "ended while it was starting", self.log(name), self._tail(name))
            if ports.is_free(serving):
                continue  # nobody listens yet: a client would only fill the screen with warnings
            try:
                took = self._probes[name](self._endpoints(state))
            except Exception as error:  # not ready yet, whatever the client calls it
                why = error
                continue
            report(name, f"ready, a round trip took {took:.0f} ms", True)
            return
        reason = f" ({_brief(why)})" if why else ""
        raise PartDiedError(
            name, f"did not answer within {self._ready_within:.0f} s{reason}", self.log(name), self._tail(name)
        )

    def _endpoints(self, state: dict[str, PartState]) -> Endpoints:
        """Endpoints for a probe of one part, also while the other part has no port yet."""
        known = {"kafka": PartState({"broker": 0}), "s3": PartState({"s3": 0})}
        return self.directory.endpoints(known | {name: part for name, part in state.items() if part.ports})

    def _confirm(self, name: str, state: dict[str, PartState], report: Report) -> None:
        """A part that ran before: healthy, or soon so (the `up` that started it may have been killed half-way)."""
        process = state[name].process
        assert process is not None
        try:
            self._await_ready(
                name, process, state, lambda part, doing, ready: report(part, f"already up, {doing}", ready)
            )
        except PartDiedError as error:
            self._cancel.set()
            raise StackError(f"{error}\n`stream-app dev down`, then `up`, starts it afresh") from error

    def _stop_parts(
        self, state: dict[str, PartState], names: list[str] | tuple[str, ...], report: Report = lambda *_: None
    ) -> list[str]:
        stopped = []
        for name in names:
            part = state.get(name)
            if part is None or part.process is None:
                continue
            if _runs(part):
                report(name, "stopping", False)
                processes.stop(part.process, grace_seconds=_GRACE_SECONDS[name])
                report(name, "stopped", True)
                stopped.append(name)
            if name == "s3":
                store.remove_sockets(part.ports)
            part.process = None
        if state:
            self.directory.save(state)
        return stopped

    def _tail(self, name: str) -> list[str]:
        return processes.last_lines(self.log(name))


def _runs(part: PartState) -> bool:
    return part.process is not None and processes.is_alive(part.process)


def _brief(error: Exception | None) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
