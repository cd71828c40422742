"""Up, status and down: with small stand-ins for every way it can go wrong, and with the real parts."""

from __future__ import annotations

import _thread
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stream_app.dev import broker, jars, processes, store
from stream_app.dev.errors import DiskFullError, PartDiedError, PortTakenError, StackBusyError, StackError
from stream_app.dev.parts import LOOPBACK
from stream_app.dev.stack import Stack
from stream_app.dev.state import Endpoints

_SERVE = (
    "import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('serving', flush=True); time.sleep(99)"
)
_DIE = "print('cannot read the flux', flush=True); raise SystemExit(3)"


class Stage:
    """What the stand-ins do, and what was asked of them."""

    def __init__(self) -> None:
        self.scripts = {"kafka": _SERVE, "s3": _SERVE}
        self.ports: dict[str, list[int]] = {"kafka": [], "s3": []}

    def command(self, part: str, port: int) -> list[str]:
        self.ports[part].append(port)
        return [sys.executable, "-c", self.scripts[part].replace("{port}", str(port))]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Small Python servers in place of the broker and the S3 server."""
    acting = Stage()

    def start_broker(root: Path, _jars: object) -> list[str]:
        text = (root / "server.properties").read_text()
        return acting.command("kafka", int(text.partition("advertised.listeners=PLAINTEXT://127.0.0.1:")[2][:5]))

    def start_store(_root: Path, ports: Mapping[str, int]) -> list[str]:
        return acting.command("s3", ports["s3"])

    monkeypatch.setattr(jars, "class_path", lambda *_: [])
    monkeypatch.setattr(broker, "format_command", lambda *_: [sys.executable, "-c", "pass"])
    monkeypatch.setattr(broker, "start_command", start_broker)
    monkeypatch.setattr(store, "start_command", start_store)
    return acting


def _connect(port: int) -> float:
    socket.create_connection((LOOPBACK, port), timeout=1).close()
    return 1.0


def _stack(root: Path, *, kafka_port: int | None = None, minimum_free_bytes: int = 0) -> Stack:
    return Stack(
        root,
        kafka_port=kafka_port,
        minimum_free_bytes=minimum_free_bytes,
        probe_kafka=lambda endpoints: _connect(int(endpoints.kafka_bootstrap.rpartition(":")[2])),
        probe_s3=lambda endpoints: _connect(int(endpoints.s3_endpoint.rpartition(":")[2])),
    )


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "dev"
    if (tmp_path / "dev").exists():
        _stack(tmp_path / "dev").down()


def _pids(stack: Stack) -> dict[str, int | None]:
    return {part.name: part.pid for part in stack.status()}


def _kill(stack: Stack, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while stack.is_running() and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.usefixtures("stage")
def test_up_twice_starts_once_and_down_twice_is_fine(root: Path) -> None:
    stack, said = _stack(root), []
    assert not stack.is_running()
    endpoints = stack.up(lambda part, doing, ready: said.append((part, doing)) if ready else None)
    pids = _pids(stack)
    assert sorted(part for part, _ in said) == ["kafka", "s3"]
    assert stack.is_running()
    assert all(part.healthy for part in stack.status())
    assert _stack(root).up() == endpoints, "another process finds the same stack"
    assert _pids(stack) == pids
    assert stack.down() == ["kafka", "s3"]
    assert stack.down() == []
    assert not any(part.healthy for part in stack.status())


@pytest.mark.usefixtures("stage")
def test_ports_are_the_same_after_a_restart(root: Path) -> None:
    first = _stack(root).up()
    _stack(root).down()
    assert _stack(root).up() == first


@pytest.mark.usefixtures("stage")
def test_a_part_that_was_killed_is_seen_and_started_again(root: Path) -> None:
    stack = _stack(root)
    stack.up()
    before = _pids(stack)
    assert before["kafka"]
    _kill(stack, before["kafka"])
    kafka, s3 = stack.status()
    assert (kafka.healthy, s3.healthy) == (False, True)
    assert "ended by itself" in kafka.detail
    stack.up()
    after = _pids(stack)
    assert after["s3"] == before["s3"]
    assert after["kafka"] not in (None, before["kafka"])


@pytest.mark.usefixtures("stage")
def test_state_of_before_a_reboot_never_stops_another_program(root: Path) -> None:
    stack = _stack(root)
    stack.up()
    stack.down()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"]) as foreign:
        state = stack.directory.load()
        state["kafka"].process = processes.Process(foreign.pid, "another boot/1")
        stack.directory.save(state)
        assert stack.down() == []
        stack.directory.save(state)
        stack.up()
        assert stack.down() == ["kafka", "s3"]
        assert foreign.poll() is None
        foreign.kill()


def test_a_part_that_dies_says_why_and_the_other_is_stopped(root: Path, stage: Stage) -> None:
    stage.scripts["kafka"] = _DIE
    stack = _stack(root)
    with pytest.raises(PartDiedError, match=r"kafka ended while it was starting[^$]*cannot read the flux") as caught:
        stack.up()
    assert str(stack.log("kafka")) in str(caught.value)
    assert len(stage.ports["kafka"]) == 1, "only a lost port is worth another try"
    assert _pids(stack) == {"kafka": None, "s3": None}
    with pytest.raises(ConnectionRefusedError):
        _connect(stage.ports["s3"][-1])


def test_a_part_that_fails_does_not_take_down_what_ran_before(root: Path, stage: Stage) -> None:
    stack = _stack(root)
    stack.up()
    before = _pids(stack)
    assert before["kafka"]
    _kill(stack, before["kafka"])
    stage.scripts["kafka"] = _DIE
    with pytest.raises(PartDiedError):
        stack.up()
    assert _pids(stack)["s3"] == before["s3"]


def test_a_port_lost_between_choice_and_use_is_chosen_anew(root: Path, stage: Stage, tmp_path: Path) -> None:
    flag = tmp_path / "once"
    stage.scripts["s3"] = (
        f"import os, sys\nif not os.path.exists({str(flag)!r}):\n"
        f"    open({str(flag)!r}, 'w').close(); sys.exit('listen tcp: bind: address already in use')\n" + _SERVE
    )
    _stack(root).up()
    first, second = stage.ports["s3"]
    assert first != second or first > 0
    assert all(part.healthy for part in _stack(root).status())


@pytest.mark.usefixtures("stage")
def test_a_port_asked_for_that_is_used_is_one_message(root: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port}, asked for with --kafka-port, is used"):
            _stack(root, kafka_port=port).up()


@pytest.mark.usefixtures("stage")
def test_a_port_asked_for_while_it_runs_elsewhere_is_one_message(root: Path) -> None:
    _stack(root).up()
    with pytest.raises(PortTakenError, match="kafka already runs on port"):
        _stack(root, kafka_port=1).up()


@pytest.mark.usefixtures("stage")
def test_no_disk_space_is_one_message_before_anything_starts(root: Path) -> None:
    with pytest.raises(DiskFullError, match=r"MB free in .* needs 1,000,000,000,000 MB.*--dir"):
        _stack(root, minimum_free_bytes=10**18).up()
    assert _pids(_stack(root)) == {"kafka": None, "s3": None}


@pytest.mark.usefixtures("stage")
def test_a_second_command_at_once_is_one_message(root: Path) -> None:
    stack = _stack(root)
    with stack.directory.locked():
        with pytest.raises(StackBusyError, match="wait until it has ended"):
            _stack(root).up()
        with pytest.raises(StackBusyError):
            _stack(root).down()


def test_ctrl_c_stops_what_was_started(root: Path, stage: Stage) -> None:
    stage.scripts["kafka"] = "import time; print('thinking', flush=True); time.sleep(99)"
    stack = _stack(root)

    def press(part: str, _doing: str, ready: bool) -> None:
        if part == "s3" and ready:
            threading.Timer(0.2, _thread.interrupt_main).start()

    with pytest.raises(KeyboardInterrupt):
        stack.up(press)
    assert _pids(stack) == {"kafka": None, "s3": None}
    with pytest.raises(ConnectionRefusedError):
        _connect(stage.ports["s3"][-1])


def test_a_part_that_runs_without_answering_is_not_called_up(root: Path, stage: Stage) -> None:
    stack = _stack(root)
    stack.up()

    def refuse(_: Endpoints) -> float:
        raise ConnectionError("no answer")

    deaf = Stack(root, minimum_free_bytes=0, probe_kafka=refuse, probe_s3=refuse, ready_within_seconds=0.5)
    assert [part.healthy for part in deaf.status()] == [False, False]
    assert "no answer" in deaf.status()[0].detail
    with pytest.raises(StackError, match=r"did not answer within [^$]*no answer[^$]*`stream-app dev down`"):
        deaf.up()
    assert stage.ports["kafka"], "and it was left running"
    assert stack.is_running()


@pytest.mark.usefixtures("stage")
def test_a_part_that_is_still_starting_is_waited_for(root: Path) -> None:
    """As after a kill -9 of the `up` that started it."""
    _stack(root).up()
    asked = []

    def slow(_: Endpoints) -> float:
        asked.append(time.monotonic())
        if len(asked) < 3:
            raise ConnectionError("not yet")
        return 1.0

    Stack(root, minimum_free_bytes=0, probe_kafka=slow, probe_s3=lambda _: 1.0).up()
    assert len(asked) == 3


def _listening(pid: int) -> set[tuple[str, int]]:
    """(address in hex, port) of every TCP socket the process listens on, from the kernel's own table."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue  # Closed since it was listed: a broker opens and closes files all the time.
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def test_the_real_parts_answer_and_listen_on_loopback_only(stack: Endpoints) -> None:
    real = Stack(stack.root)
    state = real.directory.load()
    for part in real.status():
        assert part.healthy, part
        assert part.pid
        listening = _listening(part.pid)
        assert {address for address, _ in listening} == {"0100007F"}, "127.0.0.1 as the kernel writes it"
        assert {port for _, port in listening} == set(state[part.name].ports.values()), "no port left to chance"
    assert real.up(patience_s=60) == stack
