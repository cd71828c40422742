"""The only place for conditions: trees of any / all over comparisons of named facts, as data in the policy.

The vocabulary of facts is closed, so that a misspelt name is an error when the policy is checked and not a reason
that silently never applies. A comparison with a fact that is absent is false; there is no negation, so evidence that
arrives can only make a condition true, never false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_serializer,
    model_validator,
)

from stream_app.core.events import Trigger
from stream_app.core.model import Model
from stream_app.core.tool_findings import FINDINGS, SHRINKING

Value = bool | int | float | str | frozenset[str]
"""What a fact may be; several texts are a frozenset."""

FactType = Literal["number", "text", "texts", "flag"]
FactName = Literal[
    "queue", "language", "agentId", "agentVersion", "cohort", "region", "disconnectReason", "workflowAgent",
    "expectedToolCalls", "toolsFinal", "channels", "durationMs", "traceId",
    "minAsrConfidence", "minIntentConfidence", "maxSilenceMs", "p95ResponseMs", "interruptions",
    "mos", "packetLossPct", "jitterMs",
    "evaluationLabels", "evaluationScore", "failureLabels", "failedAssertions", "failedSeverities", "policyFlags",
    "toolCalls", "toolFindings", "reported", "reportedBy", "triggers",
]  # fmt: skip


class Fact(NamedTuple):
    """One name that conditions may use. `values` closes the list of texts, where the contract does."""

    name: FactName
    type: FactType
    meaning: str
    values: tuple[str, ...] | None = None


FACTS: tuple[Fact, ...] = (
    Fact("queue", "text", "queue of the call"),
    Fact("language", "text", "language of the call"),
    Fact("agentId", "text", "voice agent"),
    Fact("agentVersion", "text", "version of the voice agent"),
    Fact("cohort", "text", "cohort of the call"),
    Fact("region", "text", "region of the call"),
    Fact("disconnectReason", "text", "why the call ended"),
    Fact("workflowAgent", "flag", "the voice agent acts on backends"),
    Fact("expectedToolCalls", "number", "tool calls that call-ended announces"),
    Fact("toolsFinal", "flag", "the source says that no tool call follows"),
    Fact("channels", "number", "audio channels that call-ended announces"),
    Fact("durationMs", "number", "length of the call in ms"),
    Fact("traceId", "text", "trace of the call"),
    Fact("minAsrConfidence", "number", "lowest speech recognition confidence of a turn, 0 to 1"),
    Fact("minIntentConfidence", "number", "lowest intent confidence of a turn, 0 to 1"),
    Fact("maxSilenceMs", "number", "longest silence in ms"),
    Fact("p95ResponseMs", "number", "95th percentile of the response time in ms"),
    Fact("interruptions", "number", "times the agent and the caller spoke over each other"),
    Fact("mos", "number", "mean opinion score of the line, 1 to 5"),
    Fact("packetLossPct", "number", "lost packets in percent"),
    Fact("jitterMs", "number", "jitter of the line in ms"),
    Fact("evaluationLabels", "texts", "labels of all evaluations"),
    Fact("evaluationScore", "number", "lowest score of all evaluations"),
    Fact("failureLabels", "texts", "failure labels of all evaluations"),
    Fact("failedAssertions", "texts", "names of the assertions that failed"),
    Fact(
        "failedSeverities", "texts", "severities of the assertions that failed", ("low", "medium", "high", "critical")
    ),
    Fact("policyFlags", "texts", "policy flags of all evaluations"),
    Fact("toolCalls", "number", "distinct tool calls seen"),
    Fact("toolFindings", "texts", "what was computed about the tool calls", FINDINGS),
    Fact("reported", "flag", "a customer or support team named the call"),
    Fact("reportedBy", "texts", "who named it", ("customer", "support")),
    Fact("triggers", "texts", "review requests seen", get_args(Trigger)),
)

_BY_NAME: dict[str, Fact] = {fact.name: fact for fact in FACTS}
_OPERATORS: dict[str, tuple[FactType, ...]] = {
    "is": ("number", "text", "texts", "flag"),
    "in": ("number", "text", "texts"),
    "above": ("number",),
    "atLeast": ("number",),
    "below": ("number",),
    "atMost": ("number",),
    "present": ("number", "text", "texts", "flag"),
}
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "above": operator.gt,
    "atLeast": operator.ge,
    "below": operator.lt,
    "atMost": operator.le,
}
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
StrictNumber = StrictInt | StrictFloat


class Strict(Model):
    """Base of everything in a policy: an unknown key is an error, for half a policy must not decide."""

    model_config = ConfigDict(extra="forbid", validate_by_name=False, use_attribute_docstrings=True)


class Comparison(Strict):
    """One fact compared by one operator; for several texts `is` means "contains" and `in` "contains one of"."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2, "maxProperties": 2})

    fact: FactName
    is_: Scalar | None = Field(default=None, alias="is")
    in_: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=256)] | None = Field(default=None, alias="in")
    above: StrictNumber | None = None
    at_least: StrictNumber | None = None
    below: StrictNumber | None = None
    at_most: StrictNumber | None = None
    present: Literal[True] | None = None

    @cached_property
    def operator(self) -> tuple[str, Any]:
        """Name and operand of the one operator."""
        return self._operands()[0]

    def _operands(self) -> list[tuple[str, Any]]:
        pairs = (
            ("is", self.is_),
            ("in", self.in_),
            ("above", self.above),
            ("atLeast", self.at_least),
            ("below", self.below),
            ("atMost", self.at_most),
            ("present", self.present),
        )
        return [(name, operand) for name, operand in pairs if operand is not None]

    @model_validator(mode="after")
    def _fits(self) -> Comparison:
        operands = self._operands()
        if len(operands) != 1:
            given = str(len(operands)) if operands else "none"
            raise ValueError(
                f"exactly one of {', '.join(_OPERATORS)} is needed, {given} given (combine with all or any)"
            )
        (name, operand), fact = operands[0], _BY_NAME[self.fact]
        if fact.type not in _OPERATORS[name]:
            raise ValueError(f"{fact.name} is a {_NOUNS[fact.type]}: {name} does not apply to it")
        if name in ("is", "in"):
            for scalar in operand if name == "in" else (operand,):
                _check_operand(fact, scalar)
        return self

    @model_serializer
    def _only_what_is_said(self) -> dict[str, Any]:
        name, operand = self.operator
        return {"fact": self.fact, name: list(operand) if name == "in" else operand}

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether the fact is there and compares as asked."""
        value = values.get(self.fact)
        if value is None:
            return False
        name, operand = self.operator
        return _compare(name, value, operand)


_NOUNS: dict[FactType, str] = {"number": "number", "text": "text", "texts": "list of texts", "flag": "flag"}


def _check_operand(fact: Fact, operand: Scalar) -> None:
    if fact.type == "flag":
        fits = isinstance(operand, bool)
    elif fact.type == "number":
        fits = isinstance(operand, int | float) and not isinstance(operand, bool)
    else:
        fits = isinstance(operand, str)
    if not fits:
        wanted = {"flag": "true or false", "number": "a number"}.get(
            fact.type, "text (in quotes where it looks like more)"
        )
        raise ValueError(f"{fact.name} is compared with {wanted}, not with {operand!r}")
    if fact.values is not None and operand not in fact.values:
        raise ValueError(f"{fact.name} is never {operand!r}; it knows {', '.join(fact.values)}")


def _compare(name: str, value: Value, operand: Any) -> bool:
    if name == "present":
        return bool(value) if isinstance(value, frozenset) else True
    if isinstance(value, frozenset):
        return not value.isdisjoint(operand if name == "in" else (operand,))
    if name in ("is", "in"):
        return value in operand if name == "in" else bool(value == operand)
    if isinstance(value, str):
        return False
    return _ORDERINGS[name](value, operand)


class AnyOf(Strict):
    """True where at least one of its conditions is."""

    any: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=64)]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether one of them holds."""
        return next((True for part in self.any if part.holds(values)), False)


class AllOf(Strict):
    """True where each of its conditions is; it never is empty, for that would be always."""

    all: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=64)]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether each of them holds."""
        return next((False for part in self.all if not part.holds(values)), True)


def _shape(value: Any) -> str:
    """Which of the three it is meant to be, so that mistakes are told about that one only."""
    if isinstance(value, AnyOf) or (isinstance(value, dict) and "any" in value):
        return "any"
    if isinstance(value, AllOf) or (isinstance(value, dict) and "all" in value):
        return "all"
    return "comparison"


Condition = Annotated[
    Annotated[AnyOf, Tag("any")] | Annotated[AllOf, Tag("all")] | Annotated[Comparison, Tag("comparison")],
    Discriminator(_shape),
]
"""What a policy writes after `when`."""

AnyOf.model_rebuild()
AllOf.model_rebuild()


Test = Callable[[Mapping[str, Value]], bool]


def compiled(condition: Condition) -> Test:
    """The condition as one function of the facts: what `holds` says, without asking again what it means."""
    if isinstance(condition, Comparison):
        return _compiled_comparison(condition)
    tests = tuple(compiled(part) for part in (condition.any if isinstance(condition, AnyOf) else condition.all))
    if isinstance(condition, AnyOf):

        def holds_any(values: Mapping[str, Value]) -> bool:
            for test in tests:  # noqa: SIM110 - a generator costs more than the tests
                if test(values):
                    return True
            return False

        return holds_any

    def holds_all(values: Mapping[str, Value]) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if not test(values):
                return False
        return True

    return holds_all


def _compiled_comparison(comparison: Comparison) -> Test:
    fact = comparison.fact
    name, operand = comparison.operator
    kind = _BY_NAME[fact].type
    if name in _ORDERINGS and kind == "number":
        compare = _ORDERINGS[name]
        return lambda values: (value := values.get(fact)) is not None and compare(value, operand)
    if kind == "texts":
        if name == "present":
            return lambda values: bool(values.get(fact))
        wanted = frozenset(operand if name == "in" else (operand,))
        return lambda values: bool(found := values.get(fact)) and not wanted.isdisjoint(found)  # type: ignore[arg-type]

    def holds(values: Mapping[str, Value]) -> bool:
        value = values.get(fact)
        return value is not None and _compare(name, value, operand)

    return holds


_SHRINKS: dict[FactName, tuple[str, ...]] = {
    "evaluationScore": ("is", "in", "above", "atLeast"),  # The lowest score counts.
    "toolCalls": ("is", "in", "below", "atMost"),
    "traceId": ("is", "in"),  # The call-ended's speaks before the trace's.
}
"""Comparisons that more evidence about the same call-ended can make false."""


def only_grows(condition: Condition) -> bool:
    """Whether evidence that arrives can make the condition true, and never false, while there is one call-ended."""
    if isinstance(condition, Comparison):
        name, operand = condition.operator
        if condition.fact == "toolFindings":
            return name != "present" and SHRINKING.isdisjoint(operand if name == "in" else (operand,))
        return name not in _SHRINKS.get(condition.fact, ())
    return all(only_grows(part) for part in (condition.any if isinstance(condition, AnyOf) else condition.all))
