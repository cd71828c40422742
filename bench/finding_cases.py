"""The only place that makes the calls whose findings are known: seeded, a hundred of each kind, and clean ones.

Each call has tool calls, a transcript, and the findings that are to be made of it, known because they were put in. What
looks alike and is none stands beside: a second try after a failure, the same read twice, a claim of the caller's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.finding_phrases import CALLER_CLAIMS, DAYS, SMALL_TALK, Phrases
from stream_app.core.claims import Said
from stream_app.core.events import ToolCall
from stream_app.core.evidence import Position, event_digest, kind_of, reduce_event
from stream_app.core.instants import format_instant
from stream_app.core.orders import Item
from stream_app.core.tool_rules import ToolRules

KINDS = (
    "failed", "timed_out", "invalid_result", "wrong_arguments", "duplicated_write", "out_of_order",
    "claimed_not_proved", "proved_not_said",
)  # fmt: skip
START_MS = 1_780_512_000_000
_TYPES = {"string": "A-1", "number": 12.5, "boolean": True}


@dataclass
class Case:
    """One call; `expected` is every finding that is to be made of it."""

    name: str
    tools: list[Item] = field(default_factory=list)
    turns: list[Said] = field(default_factory=list)
    expected: frozenset[str] = frozenset()


def rules_of(phrases: Sequence[Phrases]) -> ToolRules:
    """What the cases' policy knows of their tools: every one looks something up first."""
    arguments = {"ref": "string", "amount": "number"}
    known = [{"name": one.tool, "arguments": arguments, "after": ["find_record"]} for one in phrases]
    return ToolRules.from_dict({"known": [{"name": "find_record", "arguments": {"ref": "string"}}, *known]})


def cases(phrases: Sequence[Phrases], seed: int, each: int) -> list[Case]:
    """`each` calls of each of KINDS, and twice as many clean ones; the same seed always makes the same calls."""
    made: list[Case] = []
    for kind in (*KINDS, "clean", "clean"):
        for number in range(each):
            draw = random.Random(f"{seed}:{kind}:{len(made)}:{number}")
            made.append(_Maker(draw, draw.choice(list(phrases)), f"{kind}-{number}").make(kind))
    return made


class _Maker:
    def __init__(self, draw: random.Random, one: Phrases, name: str) -> None:
        self._draw = draw
        self._one = one
        self._slots = {"day": draw.choice(DAYS), "ref": f"{draw.choice('ABC')}-{draw.randint(100, 999)}"}
        self._case = Case(name)
        self._made = 0

    def make(self, kind: str) -> Case:
        read, good = {"ref": "A-1"}, {"ref": "A-1", "amount": 12.5}
        one, draw, case = self._one, self._draw, self._case
        expected = {kind} - {"clean"}
        claims, writes = True, True
        if kind == "out_of_order":
            self._tool(one.tool, good, write=True, key="k1")
            if draw.random() < 0.5:
                self._tool("find_record", read)
        elif kind in ("failed", "timed_out", "invalid_result"):
            self._tool("find_record", read)
            self._tool(one.tool, good, write=True, key="k1", status=kind)
            if draw.random() < 0.5:
                self._tool(one.tool, good, write=True, key="k1")
            else:
                claims = writes = False
        elif kind == "wrong_arguments":
            self._tool("find_record", read)
            wrong: dict[str, Any] = draw.choice(
                [{"ref": "A-1"}, {"amount": 1}, {"ref": 7, "amount": 1}, {"ref": "A-1", "amount": "1"}]
            )
            self._tool(one.tool, wrong, write=True, key="k1")
        elif kind == "claimed_not_proved":
            writes = False
            if draw.random() < 0.7:
                self._tool("find_record", read)
        else:
            self._tool("find_record", read)
            if draw.random() < 0.2:
                self._tool("find_record", read)  # Reads may repeat.
            if kind == "clean" and draw.random() < 0.5:
                claims = writes = False
            else:
                self._tool(one.tool, good, write=True, key="k1")
                if kind == "duplicated_write":
                    self._tool(one.tool, good, write=True, key=draw.choice(["k1", "k2"]))
                elif kind == "clean" and draw.random() < 0.3:
                    self._tool(one.tool, {"ref": "A-2", "amount": 3.5}, write=True, key="k9")
            claims = claims and kind != "proved_not_said"
        self._talk(claims=claims, silent=kind == "proved_not_said", others=not writes or draw.random() < 0.2)
        case.expected = frozenset(expected)
        return case

    def _talk(self, *, claims: bool, silent: bool, others: bool) -> None:
        draw, one = self._draw, self._one
        said: list[tuple[str, str]] = list(SMALL_TALK[:6])
        if draw.random() < 0.3 and not silent:
            said.insert(2, ("caller", draw.choice(CALLER_CLAIMS)))
        if not claims and not silent:
            said.append(("agent", draw.choice(one.others)))
        if claims:
            if others and draw.random() < 0.5:
                # What is no claim may stand before one: only a later denial takes it back.
                said.append(("agent", draw.choice(one.others)))
                said.append(("caller", "I see."))
            said.append(("agent", draw.choice(one.claims)))
        said += SMALL_TALK[6:]
        self._case.turns = [Said(speaker, text.format_map(self._slots)) for speaker, text in said]

    def _tool(
        self, name: str, arguments: dict[str, Any], *, write: bool = False, key: str = "", status: str = "succeeded"
    ) -> None:
        self._made += 1
        document = {
            "schemaVersion": 1, "eventId": f"t{self._made}", "type": "tool-call", "source": "bench",
            "occurredAt": format_instant(START_MS + self._made), "canonicalCallId": self._case.name,
            "toolCallId": f"tc_{self._made}", "sequence": self._made, "name": name, "arguments": arguments,
            "result": {"ok": True} if status == "succeeded" else None, "status": status, "latencyMs": 100,
            "sideEffect": {"kind": "write", "idempotencyKey": key} if write else {"kind": "read"},
        }  # fmt: skip
        event = ToolCall.from_dict(document)
        reduced = reduce_event(event)
        self._case.tools.append(
            Item(
                kind=kind_of(reduced), event_id=event.event_id,
                position=Position(topic="tool-call", partition=0, offset=self._made), received_at=event.occurred_at,
                occurred_at=event.occurred_at, digest=event_digest(event), event=reduced,
            )
        )  # fmt: skip
