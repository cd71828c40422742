"""The only place for what identity tells the join of a call: its name is disputed, settled, or another call's.

A notice travels and is kept as evidence of the kind `identity`: so it is in the packet, makes a new version, and is
recognised when it comes again: its source position is that of the event which made the claim, in a topic named
`identity:<alias or call>:<that event's topic>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgspec import Raw

from stream_app.core.identity_records import PassingEvent, Place
from stream_app.core.instants import format_instant
from stream_app.core.wire import write_json

SOURCE = "call-evidence-stream/identity"
OWN_SCHEME = "canonicalCallId"
"""Of the alias that a system's own call ID becomes where the call had been named without it."""
_PLACE = "identity:"


def disputed(alias: str, claimed_by: Sequence[str], claim: Place, time_ms: int) -> PassingEvent:
    """Several calls claim one alias. The same words for each of them."""
    return _notice("identity-disputed", alias, claim, time_ms, alias=alias, claimedBy=list(claimed_by))


def settled(alias: str, owner: str, said_by: str, claim: Place, time_ms: int) -> PassingEvent:
    """An operator has said whose the alias is."""
    return _notice("identity-settled", alias, claim, time_ms, alias=alias, owner=owner, saidBy=said_by)


def merged(call: str, into: str, claim: Place, time_ms: int) -> PassingEvent:
    """To the call that is another one: its evidence goes on under the other's ID."""
    return _notice("identity-merged", call, claim, time_ms, into=into)


def known_as(call: str, own: str, claim: Place, time_ms: int) -> PassingEvent:
    """To the call that remains: a system calls it `own`."""
    return _notice("identity-linked", f"{call}={own}", claim, time_ms, aliases={OWN_SCHEME: own})


def is_notice(topic: str) -> bool:
    """Whether evidence from this topic is a notice: no input topic is called so."""
    return topic.startswith(_PLACE)


def _notice(kind: str, subject: str, claim: Place, time_ms: int, **fields: Any) -> PassingEvent:
    time = format_instant(time_ms)
    document = {"aliases": {}, "occurredAt": time, "schemaVersion": 1, "source": SOURCE, "type": kind, **fields}
    document["eventId"] = _bounded(f"{kind}:{subject}:{claim.key()}")
    written = write_json(document)
    place = Place(claim.offset, claim.partition, f"{_PLACE}{subject}:{claim.topic}")
    return PassingEvent(sha256(written).hexdigest(), Raw(written), place, time, None)


def _bounded(text: str) -> str:
    """An event ID: long names are told apart by a digest."""
    return text if len(text) <= 256 else f"{text[:190]}:{sha256(text.encode()).hexdigest()}"
