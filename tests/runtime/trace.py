"""Stand-ins for the broker and the table that write down what happened when, and a checker of the order.

A step is (what, about): ("sent"|"confirmed", record), ("staged"|"stored", key), ("acked", offset).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from stream_app.pipeline.ports import Effects, Incoming, Outgoing

Step = tuple[str, object]


def record(offset: int, key: bytes = b"call") -> Incoming:
    """Record `offset` of partition evidence/0."""
    return Incoming("evidence", 0, offset, 1_000 + offset, key, f"value {offset}".encode())


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


class TracedWriter:
    """`lane.Writer`: confirms at once, or when `gate` opens; `refuse` names records that the broker never confirms."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse: set[str] = set()

    async def send_all(self, records: Sequence[Outgoing]) -> object:
        """Hand over all, then confirm all."""
        names = [(one.key or b"").decode() for one in records]
        self.steps += [("sent", name) for name in names]
        await asyncio.sleep(0)
        await self.gate.wait()
        if refused := self.refuse & set(names):
            raise RuntimeError(f"not confirmed: {sorted(refused)}")
        self.steps += [("confirmed", name) for name in names]
        return None


class TracedRows:
    """`lane.Rows` and `ports.State` in a dict."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.stored: dict[bytes, bytes] = {}
        self.staged: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The row as staged, else as stored."""
        return self.staged[key] if key in self.staged else self.stored.get(key)

    def stage(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Reads see the rows from now on."""
        self.staged.update(rows)
        self.steps += [("staged", key.decode()) for key, _ in rows]

    async def commit(self) -> None:
        """Store what is staged."""
        await asyncio.sleep(0)
        for key, value in self.staged.items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value
            self.steps.append(("stored", key.decode()))
        self.staged = {}


def violations(steps: Sequence[Step], effects: Mapping[int, Effects]) -> list[str]:
    """What the steps did in the wrong order, given what each offset asked for; the promises of `ports.Effects`."""
    at = {step: number for number, step in reversed(list(enumerate(steps)))}
    never = len(steps)

    def when(what: str, about: object) -> int:
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
        for later in [*then, *in_turn]:
            for name in sends:
                must_precede(("confirmed", name), ("sent", later))
        for token in one.expects:
            giver = granted.get(token)
            if giver is None:
                if when("acked", offset) < never:
                    found.append(f"acked {offset} without receipt {token}")
                continue
            for row, _ in effects[giver].rows:  # The receipt counts once its own record's rows are safe.
                for later in [*then, *in_turn]:
                    must_precede(("stored", row.decode()), ("sent", later))
                must_precede(("stored", row.decode()), ("acked", offset))
        for earlier in (other for other in effects if other < offset):
            must_precede(("acked", earlier), ("acked", offset))
            for name in in_turn:
                for send in [*effects[earlier].sends, *effects[earlier].then]:
                    must_precede(("confirmed", (send.key or b"").decode()), ("sent", name))
    acks = [about for what, about in steps if what == "acked"]
    if len(acks) != len(set(acks)):
        found.append("acked twice")
    return found
