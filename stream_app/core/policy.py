"""The only place for the policy's shape: what a packet must hold, when time is up, and what makes a call reviewed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from stream_app.core.conditions import Condition, Strict
from stream_app.core.durations import Duration, format_duration
from stream_app.core.events import Scheme, Share, Trigger
from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.gate_rows import GateRow
from stream_app.core.identities import PRECEDENCE
from stream_app.core.model import Text
from stream_app.core.orders import Priority, SelectionReason
from stream_app.core.packet import ExportLevel
from stream_app.core.tool_rules import ToolRules
from stream_app.core.wire import digest_of

StratumField = Literal["agentId", "agentVersion", "queue", "language", "cohort", "region"]
Outcome = Literal["no_issue", "bug", "promote_to_regression", "needs_compliance_review"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A team or a retention class: lower case, digits, underscores."""

PRIORITIES: tuple[Priority, ...] = get_args(Priority)
REASONS: tuple[SelectionReason, ...] = get_args(SelectionReason)
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)


class PolicyProblems(ValueError):
    """What is wrong between the fields of one part: pairs of the path inside that part and the explanation."""

    def __init__(self, problems: list[tuple[tuple[str | int, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in problems))
        self.problems = tuple(problems)


class Timing(Strict):
    """How long the join waits for what. Durations are ms; all but `soft` and the skews hang on the call's end."""

    deadline: Duration
    """After the call's end: a call with a reason leaves now, complete or not."""
    soft: Annotated[tuple[Duration, ...], Field(max_length=8)]
    """After the call's end: a `stuck` alert names what is missing."""
    tool_settle: Duration
    """After the call's end, tools count as settled where nobody said how many there are."""
    reason_grace: Duration
    """After a reason that came past the deadline, for the evidence it requires."""
    settling: Duration
    """After late evidence, so that a burst makes one new version and not many."""
    retention: Duration
    """After the call's end: how long its state is kept."""
    late_horizon: Duration
    """After the call's end: how long late evidence still makes a new version."""
    orphan: Duration
    """After the first evidence of a call whose call-ended never comes."""
    max_hold: Duration
    """How long an unread input partition may hold back time."""
    seal_budget: Duration
    """How long a source object that cannot be read is tried again."""
    skew_ahead: Duration
    """How far an event's own time may lie after the broker's."""
    skew_behind: Duration
    """How far a call's end may lie before the broker's time of its call-ended."""
    mint_delay: Duration = 60_000
    """After a call-ended that names no canonical call: how long a system may take to name one."""
    account_window: Duration = 30 * 60_000
    """Before and after the time that a report states which names an account alone: where its call is looked for."""
    account_settle: Duration = 5 * 60_000
    """After that window: how long calls of the account may take to be known."""

    @model_validator(mode="after")
    def _consistent(self) -> Timing:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for name in ("deadline", "reason_grace", "orphan", "max_hold", "seal_budget", "retention", "late_horizon"):
            if getattr(self, name) == 0:
                problems.append(((_camel(name),), "must be longer than 0"))
        for index, soft in enumerate(self.soft):
            if soft >= self.deadline:
                problems.append((("soft", index), f"must be shorter than deadline ({format_duration(self.deadline)})"))
            if index and soft <= self.soft[index - 1]:
                problems.append((("soft", index), "soft thresholds must rise"))
        for name in ("tool_settle", "settling"):
            if getattr(self, name) >= self.deadline:
                problems.append(((_camel(name),), f"must be shorter than deadline ({format_duration(self.deadline)})"))
        for name in ("retention", "late_horizon"):
            if getattr(self, name) < self.deadline:
                problems.append(
                    (
                        (_camel(name),),
                        f"is shorter than deadline ({format_duration(self.deadline)}): "
                        "calls would be forgotten before they are decided",
                    )
                )
        if problems:
            raise PolicyProblems(problems)
        return self


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


class ConditionalKind(Strict):
    """A kind of evidence that is required only of calls for which `when` holds."""

    kind: Kind
    when: Condition


class EvidenceRules(Strict):
    """Which evidence every packet needs; each kind stands in exactly one of the three lists."""

    required: tuple[Kind, ...]
    conditional: tuple[ConditionalKind, ...]
    optional: tuple[Kind, ...]

    @model_validator(mode="after")
    def _each_kind_once(self) -> EvidenceRules:
        seen: set[Kind] = set()
        problems: list[tuple[tuple[str | int, ...], str]] = []
        places: list[tuple[tuple[str | int, ...], Kind]] = [
            *((("required", index), kind) for index, kind in enumerate(self.required)),
            *((("conditional", index, "kind"), row.kind) for index, row in enumerate(self.conditional)),
            *((("optional", index), kind) for index, kind in enumerate(self.optional)),
        ]
        for path, kind in places:
            if kind in seen:
                problems.append((path, f"{kind} is listed twice: a kind is required, conditional or optional"))
            seen.add(kind)
        for kind in KIND_ORDER:
            if kind not in seen:
                problems.append((("optional",), f"{kind} stands in none of the three lists: list it as optional"))
        if problems:
            raise PolicyProblems(problems)
        return self


class StratumRate(Strict):
    """Another rate for the strata whose fields are as in `match`."""

    match: Annotated[dict[StratumField, Text], Field(min_length=1)]
    rate: Share


class Sample(Strict):
    """A random sample: a call is in it when a hash over seed, reason, stratum and call ID falls below the rate."""

    rate: Share
    by: tuple[StratumField, ...]
    seed: Text
    """Same seed, same sample; another seed draws another one."""
    strata: tuple[StratumRate, ...] = ()
    """The first that matches wins; the others have `rate`."""

    @model_validator(mode="after")
    def _known_fields(self) -> Sample:
        problems: list[tuple[tuple[str | int, ...], str]] = [
            (("strata", index, "match", field), f"{field} does not stand in `by`")
            for index, row in enumerate(self.strata)
            for field in row.match
            if field not in self.by
        ]
        problems += [
            (("by", index), f"{field} is listed twice")
            for index, field in enumerate(self.by)
            if field in self.by[:index]
        ]
        if problems:
            raise PolicyProblems(problems)
        return self


class ReasonRow(Strict):
    """One selection reason: what makes it true, what it requires, who reviews it until when."""

    reason: SelectionReason
    priority: Priority
    owner: Name
    reviewers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    sla: Duration
    retention_class: Name
    export_level: ExportLevel
    allowed_outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    requires: tuple[Kind, ...]
    """Evidence required beyond the base."""
    when: Condition | None = None
    sample: Sample | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ReasonRow:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if self.owner not in self.reviewers:
            problems.append((("owner",), f"{self.owner} is not one of the reviewers"))
        if self.sla == 0:
            problems.append((("sla",), "must be longer than 0"))
        for field in ("reviewers", "allowed_outcomes", "requires"):
            values: tuple[str, ...] = getattr(self, field)
            problems += [
                ((_camel(field), index), f"{value} is listed twice")
                for index, value in enumerate(values)
                if value in values[:index]
            ]
        if problems:
            raise PolicyProblems(problems)
        return self


class IdentityRules(Strict):
    """How calls are named that no system of the user's names."""

    precedence: Annotated[tuple[Scheme, ...], Field(min_length=1, max_length=64)] = PRECEDENCE
    """Schemes of aliases, best first: of the names that a call has, the best becomes its ID. Schemes that are not
    listed stand before `testRunId` and `traceId`."""

    @model_validator(mode="after")
    def _each_once(self) -> IdentityRules:
        if len(set(self.precedence)) != len(self.precedence):
            raise PolicyProblems([(("precedence",), "a scheme is listed twice")])
        return self


class Policy(Strict):
    """One policy, whole: it decides every call that ends while it is in force."""

    schema_version: Literal[1]
    version: Text
    """Its author's name for it; what proves identity is `sha256`."""
    timing: Timing
    evidence: EvidenceRules
    reasons: tuple[ReasonRow, ...]
    """All eight; the first row that is true is the packet's reason."""
    triggers: dict[Trigger, SelectionReason]
    """Which reason a review request stands for, by its trigger."""
    identity: IdentityRules = IdentityRules()
    tools: ToolRules = ToolRules()
    """What is known of the agents' tools; nothing stated: nothing is said of arguments and order."""
    gates: tuple[GateRow, ...] = ()
    """Gates that are stricter or milder than usual; the first row that fits a gate decides."""

    @property
    def tool_rules(self) -> ToolRules | None:
        """The rules, where there are any."""
        return self.tools if self.tools.known or self.tools.wrong_argument_assertions else None

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        rows = [row.reason for row in self.reasons]
        for index, row in enumerate(self.reasons):
            if row.reason in rows[:index]:
                problems.append((("reasons", index, "reason"), f"there is a second row for {row.reason}"))
            if index and PRIORITIES.index(row.priority) < PRIORITIES.index(self.reasons[index - 1].priority):
                problems.append(
                    (
                        ("reasons", index, "priority"),
                        f"{row.priority} stands below {self.reasons[index - 1].priority}: rows go from highest to low",
                    )
                )
            if row.when is None and row.sample is None and row.reason not in self.triggers.values():
                problems.append(
                    (("reasons", index), f"{row.reason} has neither when nor sample nor a trigger: it never applies")
                )
        names = [rule.name for rule in self.tools.known]
        problems += [
            (("tools", "known", index, "name"), f"{name} is listed twice")
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        problems += [(("reasons",), f"the row for {reason} is missing") for reason in REASONS if reason not in rows]
        problems += [
            (("triggers",), f"the trigger {trigger} is missing") for trigger in TRIGGERS if trigger not in self.triggers
        ]
        if problems:
            raise PolicyProblems(problems)
        return self

    @cached_property
    def sha256(self) -> str:
        """Digest of the whole policy, comments and layout of its file apart."""
        return digest_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The document; without what came with a later release and is not stated, so that digests stay as they were."""
        document = super().to_dict()
        for name in ("mint_delay", "account_window", "account_settle"):
            if name not in self.timing.model_fields_set:
                del document["timing"][_camel(name)]
        for part in ("identity", "tools", "gates"):
            if part not in self.model_fields_set:
                del document[part]
        return document

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Policy:
        """A copy; its digest is computed anew, for a policy must never go under the digest of another."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("sha256", None)
        return copy

    def row(self, reason: str) -> ReasonRow:
        """The row of this reason; KeyError for an unknown one."""
        return {row.reason: row for row in self.reasons}[reason]  # type: ignore[index]

    def scaled(self, speed: float) -> Policy:
        """The same policy with every duration of `timing` divided by `speed`, for replays that run faster than life.

        The version says so (`2026-06-01+50x`). Raises ValueError where nothing would be left of a duration.
        """
        if not speed > 0:
            raise ValueError("speed must be above 0")
        if speed == 1:
            return self
        document = self.to_dict()
        document["version"] = f"{self.version}+{speed:g}x"
        document["timing"] = {name: _divided(value, speed) for name, value in self.timing}
        return Policy.from_dict(_camel_keys(document))


def _divided(value: Any, speed: float) -> Any:
    return [round(part / speed) for part in value] if isinstance(value, tuple) else round(value / speed)


def _camel_keys(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "timing": {_camel(name): value for name, value in document["timing"].items()}}
