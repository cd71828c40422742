"""The only place for what goes wrong: each fault is a class in `FAULTS`, strikes once, puts right what it broke."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import ClassVar

from tests.chaos.hooks import Aim, note
from tests.chaos.proxy import MODES, Proxy
from tests.chaos.workers import Fleet, Member

START_STEPS = ("fencing", "replaying")
"""Steps that a stage meets only when partitions are assigned."""
STEP_WITHIN_S = 20.0
GUESTS = "guest"


@dataclass
class Scene:
    """What faults act on."""

    fleet: Fleet
    random: Random
    steps: dict[str, tuple[str, ...]]
    """Stage -> the steps it can meet."""
    proxy: Proxy | None = None
    restart_broker: Callable[[], Awaitable[None]] | None = None
    """kill -9 the broker and bring it back; None where the broker is not ours."""
    done: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    """Steps aimed at that no process came to in time."""
    guests: int = 0

    def __post_init__(self) -> None:
        targets = [(stage, step) for stage, steps in self.steps.items() for step in steps]
        self.random.shuffle(targets)
        # In turn, so that every step of every stage is struck before one is struck twice; each action has its own turn.
        self.targets = {"kill": cycle(list(targets)), "freeze": cycle(list(reversed(targets)))}

    def anybody(self, stage: str | None = None) -> Member | None:
        """A process that runs and is not frozen."""
        found = [
            member
            for member in self.fleet.members.values()
            if member.running and member.state != "T" and stage in (None, member.stage) and not member.held
        ]
        return self.random.choice(sorted(found, key=lambda one: (one.worker, one.stage))) if found else None


class Fault:
    """One thing that goes wrong."""

    name: ClassVar[str] = ""

    async def strike(self, scene: Scene) -> None:
        """Do it, and undo it where it does not undo itself."""
        raise NotImplementedError

    def obstacle(self, scene: Scene) -> str | None:
        """Why it cannot be done here; None where it can."""
        return None


async def _outside(scene: Scene, action: str) -> None:
    for _ in range(20):
        member = scene.anybody()
        if member is not None and scene.fleet.strike(member, action, "anywhere"):
            scene.done[action] += 1
            return
        await asyncio.sleep(0.5)


async def _at_step(scene: Scene, action: str) -> None:
    if not any(scene.steps.values()):
        await _outside(scene, action)
        return
    stage, step = next(scene.targets[action])
    member = scene.anybody(stage)
    if member is None:
        await _outside(scene, action)
        return
    aim = scene.fleet.aim_file(member)
    Aim(action="kill" if action == "kill" else "freeze", step=step, nth=scene.random.randint(1, 3)).write(aim)
    if step in START_STEPS:
        # It comes there when it starts: so it has to start.
        Aim(action="kill" if action == "kill" else "freeze", step=step).write(aim)
        if step == "replaying":
            await asyncio.to_thread(scene.fleet.lose_disk, member)
        else:
            scene.fleet.strike(member, "kill", f"to bring it to {step}")
        scene.done["kill"] += 1
    for _ in range(int(STEP_WITHIN_S / 0.1)):
        await asyncio.sleep(0.1)
        if not aim.exists():
            scene.done[action] += 1
            scene.done[f"{action} at a step"] += 1
            return
    aim.unlink(missing_ok=True)
    scene.missed[f"{stage} {step}"] += 1
    await _outside(scene, action)


class KillAnywhere(Fault):
    """kill -9 at a moment nobody chose."""

    name = "kill"

    async def strike(self, scene: Scene) -> None:
        await _outside(scene, "kill")


class KillAtStep(Fault):
    """kill -9 at a labelled step, each step of each stage in turn."""

    name = "kill-at-step"

    async def strike(self, scene: Scene) -> None:
        await _at_step(scene, "kill")


class FreezeAnywhere(Fault):
    """SIGSTOP for longer than the session timeout: then it wakes as a zombie."""

    name = "freeze"

    async def strike(self, scene: Scene) -> None:
        await _outside(scene, "freeze")


class FreezeAtStep(Fault):
    """SIGSTOP at a labelled step."""

    name = "freeze-at-step"

    async def strike(self, scene: Scene) -> None:
        await _at_step(scene, "freeze")


class WorkerComesAndGoes(Fault):
    """A worker more for a while: two rebalances; it leaves gently or not."""

    name = "rebalance"

    async def strike(self, scene: Scene) -> None:
        scene.guests += 1
        guest, stage = f"{GUESTS}{scene.guests}", scene.random.choice(scene.fleet.stages)
        gently = scene.random.random() < 0.6
        stays = scene.random.uniform(8, 14)
        note(scene.fleet.fault_log, fault="join", stage=stage, worker=guest)
        scene.fleet.add(guest, (stage,))
        await asyncio.sleep(stays)
        note(scene.fleet.fault_log, fault="leave", stage=stage, worker=guest, gently=gently)
        await scene.fleet.remove(guest, gently=gently)
        scene.done["rebalance"] += 1


class BrokerDies(Fault):
    """kill -9 of the broker, and a new start on the same disk."""

    name = "broker"

    async def strike(self, scene: Scene) -> None:
        assert scene.restart_broker is not None
        note(scene.fleet.fault_log, fault="broker")
        await scene.restart_broker()
        note(scene.fleet.fault_log, fault="broker is back")
        scene.done["broker"] += 1

    def obstacle(self, scene: Scene) -> str | None:
        return None if scene.restart_broker else "the broker is shared with others"


class StoreFails(Fault):
    """S3 is away, slow, answers 503 or cuts bodies short; each in its turn."""

    name = "store"

    async def strike(self, scene: Scene) -> None:
        assert scene.proxy is not None
        mode = MODES[scene.done["store"] % len(MODES)]
        scene.done["store"] += 1
        note(scene.fleet.fault_log, fault="store", mode=mode)
        before = scene.proxy.spoiled
        scene.proxy.become(mode)
        await asyncio.sleep(scene.random.uniform(3, 6))
        scene.proxy.become("pass")
        note(scene.fleet.fault_log, fault="store is back", spoiled=scene.proxy.spoiled - before)

    def obstacle(self, scene: Scene) -> str | None:
        return None if scene.proxy else "there is no object store in this run"


class ClockJumps(Fault):
    """A worker's wall clock is minutes off for a while, then right again."""

    name = "clock"

    async def strike(self, scene: Scene) -> None:
        member = scene.anybody()
        if member is None:
            return
        offset = scene.random.choice((-300.0, -45.0, 45.0, 300.0))
        Aim(clock_offset_s=offset).write(scene.fleet.aim_file(member))
        await asyncio.sleep(scene.random.uniform(6, 12))
        Aim().write(scene.fleet.aim_file(member))
        scene.done["clock"] += 1


class DiskLost(Fault):
    """kill -9, and the local state is gone: tables must come back from their changelogs."""

    name = "disk-lost"

    async def strike(self, scene: Scene) -> None:
        member = scene.anybody(scene.random.choice(("identity", "join")))
        if member is not None:
            await asyncio.to_thread(scene.fleet.lose_disk, member)
            scene.done["kill"] += 1
            scene.done["disk-lost"] += 1

    def obstacle(self, scene: Scene) -> str | None:
        return None if {"identity", "join"} & set(scene.fleet.stages) else "no stage of this run has a table"


class DiskFull(Fault):
    """No file may grow any more, as on a full disk, for a few seconds; RocksDB gets EFBIG from its writes."""

    name = "disk-full"

    async def strike(self, scene: Scene) -> None:
        member = scene.anybody(scene.random.choice(("identity", "join")))
        if member is None:
            return
        Aim(file_limit=4096).write(scene.fleet.aim_file(member))
        await asyncio.sleep(scene.random.uniform(3, 6))
        Aim().write(scene.fleet.aim_file(member))
        scene.done["disk-full"] += 1

    def obstacle(self, scene: Scene) -> str | None:
        return None if {"identity", "join"} & set(scene.fleet.stages) else "no stage of this run has a table"


FAULTS: tuple[type[Fault], ...] = (
    KillAnywhere, KillAtStep, FreezeAnywhere, FreezeAtStep, WorkerComesAndGoes, BrokerDies, StoreFails, ClockJumps,
    DiskLost, DiskFull,
)  # fmt: skip


async def rain(scene: Scene, counts: dict[str, int], over_s: float, at_once: int) -> list[str]:
    """Let faults strike, so many of each, spread evenly over a time. Returns what could not be done, and why."""
    known = {fault.name: fault for fault in FAULTS}
    skipped = []
    strokes: list[Fault] = []
    for name, count in counts.items():
        fault = known[name]()
        obstacle = fault.obstacle(scene)
        if obstacle is not None:
            skipped.append(f"fault {name} left out: {obstacle}")
            continue
        strokes += [fault] * count
    scene.random.shuffle(strokes)
    gate = asyncio.Semaphore(at_once)

    async def one(fault: Fault, at_s: float) -> None:
        await asyncio.sleep(at_s)
        async with gate:
            await fault.strike(scene)

    pause = over_s / max(1, len(strokes))
    async with asyncio.TaskGroup() as group:
        for number, fault in enumerate(strokes):
            group.create_task(one(fault, number * pause + scene.random.uniform(0, pause / 2)))
    return skipped
