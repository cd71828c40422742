"""The only place for the brokers that a chaos run owns: brought up, killed -9, brought back, taken down by pid."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from aiokafka.errors import KafkaError

from stream_app.dev import broker, jars, ports, processes
from stream_app.dev.errors import StackError
from stream_app.dev.parts import LOOPBACK
from stream_app.dev.processes import Process
from stream_app.dev.stack import Stack
from stream_app.dev.state import Endpoints
from tests.chaos.reading import kafka_admin

NODES = (1, 2, 3)
CLUSTER_ID = "Q2hhb3NDbHVzdGVyMDAwMQ"
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    # The defaults wait 30 s and 9 s for a broker that is dead.
    "replica.lag.time.max.ms": "5000",
    "broker.session.timeout.ms": "4000",
}
UP_WITHIN_S = 120.0
LOST_FOR_S = 20.0


class OneBroker:
    """The embedded stack, for this run alone."""

    settings: ClassVar[dict[str, str]] = {}
    """What stages are told besides."""

    def __init__(self, root: Path) -> None:
        self._stack = Stack(root)

    def up(self) -> Endpoints:
        """Start broker and store. Raises StackError."""
        return self._stack.up()

    async def restart(self) -> None:
        """kill -9 the broker, wait a little, start it on the same disk and port."""
        process = self._stack.directory.load()["kafka"].process
        assert process is not None
        if processes.is_alive(process):
            os.kill(process.pid, signal.SIGKILL)
        await asyncio.sleep(2)
        await asyncio.to_thread(self._stack.up)

    def down(self) -> None:
        """Stop both."""
        self._stack.down()


class Cluster(OneBroker):
    """Three brokers, each also a controller, min ISR 2; the object store is that of the embedded stack."""

    settings: ClassVar[dict[str, str]] = {
        "STREAM_APP_REPLICATION_FACTOR": "3",
        "STREAM_APP_MIN_INSYNC_REPLICAS": "2",
    }

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._root = root
        self._ports: dict[int, dict[str, int]] = {}
        self._processes: dict[int, Process] = {}
        self._jars: list[Path] = []

    @property
    def _bootstrap(self) -> str:
        return ",".join(f"{LOOPBACK}:{ports['broker']}" for ports in self._ports.values())

    def up(self) -> Endpoints:
        """Start the store and three brokers. Raises StackError; then nothing is left running."""
        try:
            return self._up()
        except BaseException:
            self.down()
            raise

    def _up(self) -> Endpoints:
        stack = self._stack.up()
        lone = self._stack.directory.load()["kafka"].process
        assert lone is not None
        processes.stop(lone, grace_seconds=0)  # Came with the store; nobody needs a fourth one.
        self._jars = jars.class_path()
        used: list[int] = []
        for node in NODES:
            self._ports[node] = ports.choose(broker.PORT_NAMES, avoid=used)
            used += self._ports[node].values()
        for node in NODES:
            self._format(node)
        for node in NODES:
            self._start(node)
        asyncio.run(self._wait_for(len(NODES)))
        return replace(stack, kafka_bootstrap=self._bootstrap)

    def _home(self, node: int) -> Path:
        return self._root / f"broker-{node}"

    def _format(self, node: int) -> None:
        home = self._home(node)
        broker.configure(home, self._ports[node])
        voters = ",".join(f"{one}@{LOOPBACK}:{ports['controller']}" for one, ports in self._ports.items())
        changed = {"node.id": str(node), "controller.quorum.voters": voters, **REPLICATED}
        lines = (home / "server.properties").read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in changed]
        text = "\n".join([*kept, *(f"{name}={value}" for name, value in changed.items())])
        (home / "server.properties").write_text(text + "\n")
        words = broker.format_command(home, self._jars)
        words[words.index("--cluster-id") + 1] = CLUSTER_ID
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"broker {node} could not be formatted: {done.stdout[-400:]}{done.stderr[-400:]}")

    def _start(self, node: int) -> None:
        home = self._home(node)
        command = broker.start_command(home, self._jars)
        self._processes[node] = processes.start_detached(command, log=home / "broker.log", cwd=home, env=os.environ)

    async def _wait_for(self, count: int) -> None:
        until = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < until:
            try:
                async with kafka_admin(self._bootstrap) as admin:
                    if len((await admin.describe_cluster())["brokers"]) >= count:
                        return
            except (KafkaError, OSError):
                pass
            await asyncio.sleep(0.5)
        raise StackError(f"{count} brokers are not up after {UP_WITHIN_S:g} s; see {self._root}")

    async def _coordinators(self) -> list[int]:
        """The leader of each partition of the transaction log: the coordinators of transactions."""
        until = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                async with kafka_admin(self._bootstrap) as admin:
                    (described,) = await admin.describe_topics(["__transaction_state"])
            except (KafkaError, OSError):  # The client may choose the broker that was just killed.
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)
            else:
                return [partition["leader"] for partition in described["partitions"]]

    async def restart(self) -> None:
        """kill -9 the broker that coordinates most transactions; it is lost for a while, then comes back."""
        leaders = await self._coordinators()
        lost = max(set(leaders), key=leaders.count)
        os.kill(self._processes[lost].pid, signal.SIGKILL)
        await asyncio.sleep(LOST_FOR_S)
        until = time.monotonic() + UP_WITHIN_S
        while lost in await self._coordinators():  # Until its session is over, which a busy machine makes longer.
            if time.monotonic() > until:
                raise StackError(f"broker {lost} is dead and still leads a partition of the transaction log")
            await asyncio.sleep(1)
        self._start(lost)
        await self._wait_for(len(NODES))

    def down(self) -> None:
        """Stop all."""
        for process in self._processes.values():
            processes.stop(process, grace_seconds=0)
        super().down()
