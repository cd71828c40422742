"""The only place for what is computed, not claimed, about tool calls: sources merged by tool key, and findings.

A tool key is (toolCallId, occurrence). Several systems may report one tool call; what they say is merged, and where
they contradict each other the worst outcome is shown and the contradiction is a finding: a platform that says
"succeeded" must not hide a backend that says "failed". Nothing here depends on the order in which reports came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stream_app.core.calls import Evidence
from stream_app.core.statements import ToolStated
from stream_app.core.tool_rules import ToolRules

Finding = Literal[
    "failed", "timed_out", "invalid_result", "wrong_arguments", "duplicated_write", "out_of_order", "reports_disagree"
]

FINDINGS: tuple[Finding, ...] = (
    "failed", "timed_out", "invalid_result", "wrong_arguments", "duplicated_write", "out_of_order", "reports_disagree",
)  # fmt: skip
"""Every finding, in the order in which a tool call lists them."""

SHRINKING: frozenset[Finding] = frozenset({"out_of_order"})
"""Findings that evidence which comes later can take back: a tool call that was missing may turn up."""

ToolKey = tuple[str, int]

# Worst last: a definite failure outranks an unknown outcome, which outranks an unusable answer.
_SEVERITY = ("succeeded", "invalid_result", "timed_out", "failed")


@dataclass(frozen=True, slots=True)
class MergedTool:
    """One tool call as all its reports together tell it. Payloads appear as summaries and digests only."""

    tool_call_id: str
    occurrence: int
    name: str
    sequence: int | None
    argument_summary: str | None
    result_summary: str | None
    status: str
    latency_ms: int | None
    retries: int
    side_effect_kind: str | None
    side_effect_proof: str | None
    idempotency_key: str | None
    """As the last report states it: it may tell who the caller is, and is never shown."""
    findings: tuple[Finding, ...]
    items: tuple[Evidence, ...]
    """The reports, earliest first."""

    @property
    def key(self) -> ToolKey:
        """(toolCallId, occurrence)."""
        return (self.tool_call_id, self.occurrence)


def tool_key(event: dict[str, Any]) -> ToolKey:
    """The tool key of a reduced `tool-call` event."""
    return (event["toolCallId"], event.get("occurrence", 1))


_NO_FINDINGS: frozenset[Finding] = frozenset()


def merged_tools(items: Iterable[Evidence], rules: ToolRules | None = None) -> tuple[MergedTool, ...]:
    """The call's tool calls in the order they were made (by sequence, then time, then key).

    Of other kinds only evaluations are looked at, and only where `rules` name assertions about arguments.
    """
    reports: dict[ToolKey, list[Evidence]] = {}
    failed: list[str] = []
    for item in items:
        if item.kind == "tools":
            reports.setdefault(tool_key(item.event), []).append(item)
        elif rules is not None and item.kind == "evaluation":
            failed += [one["name"] for one in item.event.get("assertions", ()) if not one["passed"]]
    groups = [sorted(group, key=_age) for group in reports.values()]
    groups.sort(key=_made_at)
    by_rule = _by_rules(groups, rules, failed) if rules is not None else {}
    return tuple(
        _merge(
            group,
            by_rule.get(index, frozenset()),
            duplicated=any(_same_write(group, earlier) for earlier in groups[:index]),
        )
        for index, group in enumerate(groups)
    )


def _by_rules(groups: Sequence[Sequence[Evidence]], rules: ToolRules, failed: Sequence[str]) -> dict[int, set[str]]:
    """What the policy's rules find, by the group's place."""
    blamed = {whose for name in failed if (whose := rules.blamed(name)) is not None}
    found: dict[int, set[str]] = {}
    succeeded: set[str] = set()
    for index, group in enumerate(groups):
        name = _latest(group, "name")
        rule = rules.by_name.get(name)
        told = found.setdefault(index, set())
        # A report that names no arguments at all says nothing of them, where another one does.
        stated = [item.event["argumentSummary"] for item in group if "argumentSummary" in item.event]
        if rule is not None and any(rule.wrong(summary) for summary in stated or [None]):
            told.add("wrong_arguments")
        named = {name, group[0].event["toolCallId"]}
        if not blamed.isdisjoint(named) or ("" in blamed and len(groups) == 1):
            told.add("wrong_arguments")
        if rule is not None and not succeeded.issuperset(rule.after):
            told.add("out_of_order")
        if _stated(group, "status") == {"succeeded"}:
            succeeded.add(name)
    return found


def count_and_findings(
    items: Sequence[Evidence], rules: ToolRules | None = None, blamed: bool = False
) -> tuple[int, frozenset[Finding]]:
    """How many tool calls these reports tell of, and all that is found about them; the items are of the kind tools.

    `blamed`: an evaluator says that arguments were wrong.

    The same as by `merged_tools`. A call's tool calls are mostly reported once each, and nothing then needs merging.
    """
    said: frozenset[Finding] = frozenset({"wrong_arguments"}) if blamed else _NO_FINDINGS
    if not items:
        return 0, said
    if rules is not None and rules.known:
        merged = merged_tools(items, rules)
        return len(merged), said.union(*(tool.findings for tool in merged))
    stated: list[ToolStated] = [item.statement for item in items]  # type: ignore[misc]
    if len({(tool.tool_call_id, tool.occurrence) for tool in stated}) == len(stated):
        unlike = [tool.status for tool in stated if tool.status != "succeeded"]
        writes = [tool for tool in stated if tool.side_effect is not None]
        if len(writes) < 2:
            return len(stated), said.union(unlike) if unlike else said  # type: ignore[arg-type]
    merged = merged_tools(items)
    return len(merged), said.union(*(tool.findings for tool in merged))


def _age(item: Evidence) -> tuple[int, str, str]:
    return (item.occurred_at, item.event_id, item.digest)


def _made_at(group: Sequence[Evidence]) -> tuple[bool, int, int, ToolKey]:
    sequence = _latest(group, "sequence")
    return (sequence is None, sequence or 0, group[0].occurred_at, tool_key(group[0].event))


def _latest(group: Sequence[Evidence], field: str) -> Any:
    """What the latest report that mentions `field` says; None where none does."""
    return next((item.event[field] for item in reversed(group) if item.event.get(field) is not None), None)


def _stated(group: Sequence[Evidence], field: str) -> set[Any]:
    return {item.event[field] for item in group if item.event.get(field) is not None}


def _side_effects(group: Sequence[Evidence], field: str) -> list[Any]:
    effects = [item.event.get("sideEffect") or {} for item in group]
    return [effect[field] for effect in effects if effect.get(field) is not None]


def _write_marks(group: Sequence[Evidence]) -> set[tuple[str, ...]]:
    """What identifies the write that this tool call made; empty where it made none, or where nobody can tell."""
    if "write" not in _side_effects(group, "kind") or "succeeded" not in _stated(group, "status"):
        return set()
    marks: set[tuple[str, ...]] = {("key", key) for key in _side_effects(group, "idempotencyKey")}
    return marks | {
        ("arguments", item.event["name"], item.event["argumentsSha256"])
        for item in group
        if item.event.get("argumentsSha256") is not None
    }


def _same_write(group: Sequence[Evidence], earlier: Sequence[Evidence]) -> bool:
    return not _write_marks(group).isdisjoint(_write_marks(earlier))


def _merge(group: Sequence[Evidence], by_rule: Iterable[str], *, duplicated: bool) -> MergedTool:
    statuses = _stated(group, "status")
    found: set[str] = statuses - {"succeeded"} | set(by_rule)
    if duplicated:
        found.add("duplicated_write")
    if any(len(_stated(group, field)) > 1 for field in ("name", "status", "argumentsSha256")):
        found.add("reports_disagree")
    kinds, proofs = _side_effects(group, "kind"), _side_effects(group, "proof")
    keys = _side_effects(group, "idempotencyKey")
    call_id, occurrence = tool_key(group[0].event)
    return MergedTool(
        tool_call_id=call_id,
        occurrence=occurrence,
        name=_latest(group, "name"),
        sequence=_latest(group, "sequence"),
        argument_summary=_latest(group, "argumentSummary"),
        result_summary=_latest(group, "resultSummary"),
        status=max(statuses, key=_SEVERITY.index),
        latency_ms=_latest(group, "latencyMs"),
        retries=max(item.event.get("retries", 0) for item in group),
        side_effect_kind="write" if "write" in kinds else (kinds[-1] if kinds else None),
        side_effect_proof=proofs[-1] if proofs else None,
        idempotency_key=keys[-1] if keys else None,
        findings=tuple(finding for finding in FINDINGS if finding in found),
        items=tuple(group),
    )
