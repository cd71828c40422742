"""The only place for what a policy knows of tools: their arguments, what goes before them, what they do.

Nothing here is needed: without rules nothing is said of arguments or order. Arguments are judged by their summary (keys
and types, `summaries`), which is all that travels behind intake.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from stream_app.core.model import Model, Text
from stream_app.core.summaries import TRUNCATED, shape_of

ArgumentType = Literal["string", "number", "boolean", "object", "list", "any"]
Action = Literal[
    "refund", "booking", "cancellation", "update", "order", "payment", "message", "transfer", "ticket", "account",
    "unnamed",
]  # fmt: skip
"""What an agent can claim to have done (`claims.rules`); `unnamed` is "all done" without a word of what."""


class _Rule(Model):
    model_config = ConfigDict(extra="forbid", validate_by_name=False, use_attribute_docstrings=True)


class ToolRule(_Rule):
    """What is known of the tool of this name."""

    name: Text
    arguments: Annotated[dict[str, ArgumentType], Field(max_length=64)] = Field(default_factory=dict)
    """Arguments that it must be given, with their types."""
    optional: Annotated[dict[str, ArgumentType], Field(max_length=64)] = Field(default_factory=dict)
    """Arguments that it may be given; any other is wrong where `closed` says so."""
    closed: bool = False
    after: Annotated[tuple[Text, ...], Field(max_length=16)] = ()
    """Tools that must have succeeded in the call before it."""
    does: Annotated[tuple[Action, ...], Field(max_length=16)] = ()
    """What it proves when it succeeds, where its name does not say."""

    def wrong(self, summary: str | None) -> bool:
        """Whether arguments of this summary are not what the tool takes. No summary: there were none."""
        given = shape_of(summary) if summary else {}
        if given is None:
            return bool(self.arguments)
        whole = TRUNCATED not in given
        for name, kind in self.arguments.items():
            if name not in given:
                if whole:
                    return True
            elif kind not in ("any", given[name]):
                return True
        if any(given.get(name) not in (None, "null", kind) for name, kind in self.optional.items() if kind != "any"):
            return True
        known = {*self.arguments, *self.optional, TRUNCATED}
        return self.closed and not known.issuperset(given)


class ToolRules(_Rule):
    """The policy's part on tools."""

    known: Annotated[tuple[ToolRule, ...], Field(max_length=256)] = ()
    wrong_argument_assertions: Annotated[tuple[Text, ...], Field(max_length=64)] = ()
    """Assertions of evaluators whose failure says that arguments were wrong; `name:<toolCallId or tool>` says whose."""

    @cached_property
    def by_name(self) -> Mapping[str, ToolRule]:
        """The rules by the tool's name."""
        return {rule.name: rule for rule in self.known}

    @cached_property
    def actions(self) -> Mapping[str, frozenset[str]]:
        """Tool name -> what it does, where that is stated."""
        return {rule.name: frozenset(rule.does) for rule in self.known if rule.does}

    def blamed(self, failed: str) -> str | None:
        """Whose arguments a failed assertion of this name calls wrong: a tool call's ID or a tool's name, empty for
        nobody in particular; None where it says nothing of arguments."""
        name, _, whose = failed.partition(":")
        return whose if name in self.wrong_argument_assertions else None
