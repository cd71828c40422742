"""The only place that says what is known of one call in plain facts: for `why`, without any value of its evidence."""

from __future__ import annotations

from typing import Any

from stream_app.core.calls import CallState, aliases_of_items, packet_order
from stream_app.core.instants import format_instant
from stream_app.core.judgement import next_due
from stream_app.core.requirements import EXPECTED_FROM
from stream_app.core.standing import View, stand


def explain(state: CallState, view: View) -> dict[str, Any]:
    """Who the call is; what was seen, and where; what is missing, and whose job it was; deadline; versions ordered."""
    standing = stand(state, view)
    shown, further = aliases_of_items(state.items)
    due = next_due(state, view)
    return {
        "canonicalCallId": state.call_id,
        "aliases": shown,
        "furtherAliases": {scheme: list(values) for scheme, values in further.items()},
        "reasons": [hit.row.reason for hit in standing.hits],
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
