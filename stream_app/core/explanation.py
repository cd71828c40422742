"""The only place that says what is known of one call in plain facts: for `why`, without any value of its evidence."""

from __future__ import annotations

from typing import Any

import msgspec

from stream_app.core.alias_rows import PARKED, Due
from stream_app.core.calls import CallState, Piece, aliases_of_items, packet_order
from stream_app.core.evidence import Kind
from stream_app.core.identity import Alias
from stream_app.core.instants import day_of, format_instant
from stream_app.core.judgement import next_due
from stream_app.core.requirements import EXPECTED_FROM
from stream_app.core.selection.explained import explained
from stream_app.core.standing import Standing, View, stand


class _Named(msgspec.Struct, rename="camel"):
    event_id: str = ""
    type: str = ""
    source: str = ""


_DAY_MS = 86_400_000
_NAMED = msgspec.json.Decoder(_Named)
_DUE_WORDS = {b"orphan/": "orphanAt", b"minted/": "mintAt", b"expire/": "forgottenAt"}


def explain(state: CallState, view: View) -> dict[str, Any]:
    """Who the call is; what was seen, and where; what is missing, and whose job it was; deadline; versions ordered.

    Of a call that was merged only which call it is now.
    """
    if state.merged_into is not None:
        return {
            "canonicalCallId": state.call_id,
            "mergedInto": state.merged_into,
            "versionsOrdered": state.version,
            "verdict": f"it is the same call as {state.merged_into}, and goes on under that name",
        }
    standing = stand(state, view)
    shown, further = aliases_of_items(state.items)
    due = next_due(state, view)
    return {
        "canonicalCallId": state.call_id,
        "mergedInto": None,
        "aliases": shown,
        "namedBy": _named_by(state.items),
        "furtherAliases": {scheme: list(values) for scheme, values in further.items()},
        "reasons": [hit.row.reason for hit in standing.hits],
        "owner": standing.hits[0].row.owner if standing.hits else None,
        "policy": standing.policy.version,
        "selection": explained(standing.policy, standing.facts),
        "required": list(standing.required),
        "evidence": [
            {
                "kind": item.kind,
                "eventId": item.event_id,
                "source": item.event["source"],
                "occurredAt": format_instant(item.occurred_at),
                "position": item.position.key(),
            }
            for item in packet_order(state.items)
        ],
        "missing": [
            {
                "kind": gap.kind,
                "reason": gap.reason,
                "expectedFrom": gap.expected_from or EXPECTED_FROM[gap.kind],
                "requiredBy": _required_by(gap.kind, standing),
            }
            for gap in standing.missing
        ],
        "duplicates": state.duplicate_count,
        "conflicts": [conflict.event_id for conflict in state.conflicts],
        "settled": standing.settled,
        "endedAt": format_instant(standing.anchor) if standing.anchor is not None and standing.call else None,
        "deadlineAt": format_instant(standing.deadline) if standing.deadline is not None else None,
        "nextLookAt": format_instant(due) if due else None,
        "joinTime": format_instant(view.now) if view.now is not None else None,
        "alertsFiring": list(state.firing),
        "versionsOrdered": state.version,
        "verdict": _verdict(state, bool(standing.hits), standing.settled),
    }


def _verdict(state: CallState, has_reason: bool, settled: bool) -> str:
    if state.version:
        change = "; new evidence came, the next version is due soon" if state.changed_at is not None else ""
        return f"version {state.version} was ordered{change}"
    if not has_reason:
        return "no reason to review it: nothing is exported"
    return "settled; its order is on the way" if settled else "waiting for what is missing, until its deadline"


def explain_alias(state: Alias, due: Due) -> dict[str, Any]:
    """What the identity stage remembers of one alias: whose it is and who said so, its neighbours, what waits there."""
    when = _DUE_WORDS.get(due[0]) if due[0] != PARKED and due[1] else None
    return {
        "alias": state.alias,
        "canonicalCallId": state.canonical_call_id,
        "saidBy": state.said_by,
        "minted": state.minted,
        "own": state.own,
        "edges": list(state.edges),
        "best": state.name,
        "candidates": list(state.candidates),
        "disputed": list(state.disputed),
        "overruled": list(state.overruled),
        "orphaned": state.orphaned,
        "parked": [
            {**_names_of(event.event), "position": event.position.key(), "receivedAt": event.received_at}
            for event in state.parked
        ],
        **({when: format_instant(due[1])} if when else {}),
    }


def days_of(state: CallState, view: View) -> list[int]:
    """Instants, ms, one on each day under which the manifests of this call may lie."""
    anchor = None if not state.items else stand(state, view).anchor
    seen = {} if anchor is None else {day_of(anchor): anchor}
    for item in state.items:
        for at in (item.occurred_at, item.received_at, item.occurred_at - _DAY_MS, item.received_at - _DAY_MS):
            seen.setdefault(day_of(at), at)
    return list(seen.values())


def _names_of(body: msgspec.Raw) -> dict[str, str]:
    try:
        named = _NAMED.decode(body)
    except msgspec.MsgspecError:
        named = _Named()
    return {"eventId": named.event_id, "type": named.type, "source": named.source}


def _named_by(items: tuple[Piece, ...]) -> dict[str, list[str]]:
    """Alias -> the sources whose events name it."""
    found: dict[str, set[str]] = {}
    for item in items:
        statement = item.statement
        named = dict(statement.aliases)
        if statement.trace_id is not None:
            named["traceId"] = statement.trace_id
        for scheme, value in named.items():
            found.setdefault(f"{scheme}:{value}", set()).add(str(item.event["source"]))
    return {alias: sorted(sources) for alias, sources in sorted(found.items())}


def _required_by(kind: Kind, standing: Standing) -> list[str]:
    """What of the policy asks for this kind: every packet, a condition, reasons."""
    rules = standing.policy.evidence
    found = ["every packet"] if kind in rules.required else []
    found += ["its condition"] if any(row.kind == kind for row in rules.conditional) else []
    return found + [hit.row.reason for hit in standing.hits if kind in hit.row.requires]
