"""The only place where the sealer opens a call's trace in a trace backend: where no `trace-completed` told of it.

What cannot be opened where it is required waits like any other source, until the seal budget is spent; where it is not
required, the packet goes without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stream_app.core.artifacts import Stored, opened_trace
from stream_app.core.identities import TRACE_SCHEME
from stream_app.core.orders import Missing, SealOrder
from stream_app.core.requirements import EXPECTED_FROM
from stream_app.pipeline.ports import TraceAbsent, TraceSource, TraceUnavailable

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Opening:
    """What came of it: the trace as an artifact; or why it is waited for, and how it is named once that is over."""

    found: tuple[Stored, ...] = ()
    wait: str | None = None
    absent: tuple[Missing, ...] = ()


NOTHING = Opening()


async def open_trace(source: TraceSource | None, order: SealOrder, bucket: str) -> Opening:
    """Open the trace that the call's names lead to. Never raises for what the backend does."""
    told = any(item.kind == "trace" for item in order.items)
    if source is None or told or order.review.export_level == "aggregate_only":
        return NOTHING
    names = (order.aliases.get(TRACE_SCHEME), *order.further_aliases.get(TRACE_SCHEME, ()))
    ids = sorted({name.lower() for name in names if name is not None and _ID.fullmatch(name.lower())})
    required = "trace" in order.review.required
    if not ids or not (required or order.aliases.get(TRACE_SCHEME)):
        return NOTHING
    why = ""
    for trace_id in ids:
        try:
            return Opening((opened_trace(order, trace_id, await source.key_spans(trace_id), bucket),))
        except (TraceAbsent, TraceUnavailable) as error:
            why = str(error)
    if not required:
        return NOTHING
    gap = Missing(kind="trace", reason="fetch_failed", detail=why[:300], expected_from=EXPECTED_FROM["trace"])
    # A trace that is not there yet may still be on its way: exporters send in batches.
    return Opening(wait=why, absent=(gap,))
