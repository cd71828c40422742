"""The only place that compares what the agent said with what its tools did: not proved, not said.

A claim is proved by a tool call that succeeded, may write, and does such a thing by its name or by the policy's word.
Where that cannot be told (a write whose name says nothing) nothing is found: a finding must not be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_app.core.claims import rules
from stream_app.core.claims.detector import Claim, Heard
from stream_app.core.tool_findings import MergedTool, ToolKey
from stream_app.core.tool_rules import Action


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison came to."""

    unproved: tuple[Claim, ...] = ()
    """Said to be done, and no tool call shows it."""
    unsaid: tuple[ToolKey, ...] = ()
    """Writes that succeeded, of which the agent never said a word."""
    proofs: tuple[tuple[Claim, tuple[ToolKey, ...]], ...] = ()
    """Each claim with the tool calls that prove it."""


_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def actions_of(name: str) -> frozenset[Action] | None:
    """What a tool of this name does; empty: it reads; None: its name does not say."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    if parts and parts[0] in rules.READS:
        return frozenset()
    if not rules.ACTIONS[2].tools.isdisjoint(parts):
        return frozenset({"cancellation"})  # cancel_booking books nothing.
    found = [(parts.index(word), one.action) for one in rules.ACTIONS for word in one.tools if word in parts]
    return frozenset(action for _, action in found) or None


def compare(heard: Heard, tools: Sequence[MergedTool], stated: Mapping[str, frozenset[str]] | None = None) -> Compared:
    """Claims beside tool calls. `stated`: tool name -> the actions that the policy says it does."""
    if heard.unjudged is not None:
        return Compared()
    stated = stated or {}
    done: list[tuple[ToolKey, frozenset[str] | None, bool]] = []
    for tool in tools:
        actions = stated.get(tool.name, actions_of(tool.name))
        # What a source states goes before what the name suggests.
        if tool.side_effect_kind == "read" or (tool.side_effect_kind is None and not actions and actions is not None):
            continue
        if tool.side_effect_kind == "write" and not actions:
            actions = None
        if tool.status == "succeeded":
            done.append((tool.key, actions, tool.side_effect_kind == "write"))
    proofs = tuple(
        (claim, tuple(key for key, actions, _ in done if _proves(actions, claim.action))) for claim in heard.claims
    )
    spoken = heard.mentioned
    unsaid = tuple(
        key
        for key, actions, write in done
        if write and actions and "unnamed" not in spoken and spoken.isdisjoint(actions)
    )
    return Compared(tuple(claim for claim, keys in proofs if not keys), unsaid, proofs)


_ALSO_BY: Mapping[Action, frozenset[Action]] = {
    "payment": frozenset({"booking", "order", "update", "account", "cancellation"}),
    "account": frozenset({"update"}),
    "update": frozenset({"account", "booking", "order"}),
}
"""Claims that a tool of another name may well have made true: a booking charges a card, a correction books anew."""


def _proves(actions: frozenset[str] | None, claimed: Action) -> bool:
    if claimed == "unnamed" or actions is None:
        return True
    return claimed in actions or not actions.isdisjoint(_ALSO_BY.get(claimed, ()))
