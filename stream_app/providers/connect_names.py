"""The only place for how a Connect contact is named: its own ID, the first of its chain, and what users attach to it.

A transfer makes a new contact: another ContactId, the same call. All contacts of a chain say which was the first, and
the first is its own first: so that one name holds the call together. A contact that is only related (a task, a
callback) is another call.
"""

from __future__ import annotations

import re
from typing import Any

from stream_app.core.wire import Json
from stream_app.providers import carriers
from stream_app.providers.adapter import Delivery
from stream_app.providers.reading import identifier, mapping, take

_OF_ARN = re.compile(r"arn:[^\s]*/contact/([0-9A-Za-z-]{8,64})")
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def contact_in(value: Json) -> str | None:
    """A contact's ID, by itself or at the end of its ARN."""
    name = identifier(value)
    if name is None:
        return None
    match = _OF_ARN.fullmatch(name)
    return match[1] if match else name if _ID.fullmatch(name) else None


def names_of(delivery: Delivery, detail: Json, contact: str | None, *, chained: bool) -> dict[str, Any]:
    """Who the call is; `chained`: the document would say if the contact were not the first of its chain."""
    places = (
        mapping(take(detail, "Attributes")), mapping(take(detail, "segmentAttributes")), mapping(take(detail, "tags")),
        delivery.query,
    )  # fmt: skip
    aliases: dict[str, str] = {}
    if contact is not None:
        aliases["connectContactId"] = contact
    first = contact_in(take(detail, "initialContactId")) or contact_in(take(detail, "previousContactId"))
    if first is not None:
        aliases["connectInitialContactId"] = first
    elif chained and contact is not None:
        aliases["connectInitialContactId"] = contact
    return {
        "canonical_call_id": carriers.call_id(*places),
        "aliases": aliases,
        "trace_id": carriers.trace_id(*places),
    }
