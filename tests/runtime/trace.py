"""A stand-in for what makes commits durable that writes down what happened when, and a checker of the order.

A step is (what, about): ("sent"|"confirmed", record), ("stored"|"local", key), ("acked", offset), and ("commit", n) at
the beginning of the n-th commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.runtime.progress import PROGRESS
from stream_app.runtime.tables import Rows

Step = tuple[str, object]


def record(offset: int, key: bytes = b"call", topic: str = "evidence") -> Incoming:
    """Record `offset` of partition 0."""
    return Incoming(topic, 0, offset, 1_000 + offset, key, f"value {offset}".encode())


def out(name: str) -> Outgoing:
    """A record to send, known by its key."""
    return Outgoing("packets", name.encode(), b"{}")


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return as soon as the condition holds; an AssertionError says that it never did."""
    for _ in range(int(seconds / 0.002)):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not happen in time")


class TracedDurable:
    """`durable.Durable` and `ports.State` in a dict: atomic, and confirms at once or when `gate` opens.

    `refuse` names records that the broker never confirms. Progress is kept like any row, and not written down.
    """

    def __init__(self, steps: list[Step], stored: Mapping[bytes, bytes] | None = None) -> None:
        self.steps = steps
        self.stored: dict[bytes, bytes] = dict(stored or {})
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse: set[str] = set()
        self.commits = 0

    async def commit(self, sends: Sequence[Outgoing], rows: Rows, local: Rows) -> None:
        """Hand over all, then confirm all, then store all."""
        names = [(one.key or b"").decode() for one in sends]
        self.steps.append(("commit", self.commits))
        self.commits += 1
        self.steps += [("sent", name) for name in names]
        await asyncio.sleep(0)
        await self.gate.wait()
        if refused := self.refuse & set(names):
            raise RuntimeError(f"not confirmed: {sorted(refused)}")
        self.steps += [("confirmed", name) for name in names]
        for what, part in (("stored", rows), ("local", local)):
            for key, value in part.items():
                if value is None:
                    self.stored.pop(key, None)
                else:
                    self.stored[key] = value
                if not key.startswith(PROGRESS):
                    self.steps.append((what, key.decode()))

    def get(self, key: bytes) -> bytes | None:
        """The row as it is stored."""
        return self.stored.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Rows as they are stored."""
        return [self.stored.get(key) for key in keys]

    def scan(self, first: bytes, last: bytes, limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows in the order of their keys."""
        return sorted((key, row) for key, row in self.stored.items() if first <= key < last)[:limit]


def violations(steps: Sequence[Step], effects: Mapping[int, Effects]) -> list[str]:
    """What the steps did in the wrong order, given what each offset asked for; the promises of `ports.Effects`."""
    at = {step: number for number, step in reversed(list(enumerate(steps)))}
    never = len(steps)
    acks = [(number, about) for number, (what, about) in enumerate(steps) if what == "acked" and isinstance(about, int)]

    def when(what: str, about: object) -> int:
        if what == "acked" and isinstance(about, int):  # It is an ack of everything before it too.
            return next((number for number, upto in acks if upto >= about), never)
        return at.get((what, about), never)

    found: list[str] = []

    def must_precede(first: Step, second: Step) -> None:
        if when(*second) < never and when(*first) >= when(*second):
            found.append(f"{second[0]} {second[1]} before {first[0]} {first[1]}")

    granted: dict[str, int] = {token: offset for offset, one in effects.items() for token in one.receipts}
    for offset, one in sorted(effects.items()):
        sends, then, in_turn = (
            [(send.key or b"").decode() for send in part] for part in (one.sends, one.then, one.in_turn)
        )
        rows = [key.decode() for key, _ in one.rows]
        for name in sends:
            for key in rows:
                must_precede(("confirmed", name), ("stored", key))
        for name in [*sends, *then, *in_turn]:
            must_precede(("confirmed", name), ("acked", offset))
        for key in rows:
            must_precede(("stored", key), ("acked", offset))
        for name in in_turn:
            for name_sent in sends:
                must_precede(("confirmed", name_sent), ("sent", name))
        for token in one.expects:
            giver = granted.get(token)
            if giver is None:
                if when("acked", offset) < never:
                    found.append(f"acked {offset} without receipt {token}")
                for later in [*then, *in_turn]:
                    if when("sent", later) < never:
                        found.append(f"sent {later} without receipt {token}")
                continue
            for row, _ in effects[giver].rows:
                must_precede(("stored", row.decode()), ("acked", offset))
        for earlier in (other for other in effects if other < offset):
            for name in in_turn:
                for send in [*effects[earlier].sends, *effects[earlier].then]:
                    must_precede(("confirmed", (send.key or b"").decode()), ("sent", name))
    upto = [about for _, about in acks]
    if upto != sorted(set(upto)):
        found.append(f"acked out of order or twice: {upto}")
    return found
