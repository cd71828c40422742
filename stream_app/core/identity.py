"""The only place where aliases become canonical call IDs: one alias's state machine, folded one record at a time.

Theory of operation. Each alias (`scheme:value`) lives in one partition of the `identity` topic. It is either unknown,
and then events wait at it; or linked to a canonical ID, and then events pass through. Links come from events that
state a canonical ID, or name two aliases: those become edges. When an alias learns its canonical ID it releases what
waits and tells its neighbours (a hop, at most MAX_HOPS far). Binding happens once per alias, so hops end.

    unknown --event--> parked here          unknown --edge to a linked alias--> linked by its hop
    unknown --link or claim--> linked: parked events leave, neighbours are told
    linked --same ID--> nothing new         linked --other ID--> conflict: refused, alert

A hop is receipted (`HopDone`) once everything it caused is durable. The sender holds its clock until then, so time
never overtakes an event on its way.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from stream_app.core.evidence import AcceptedEvent, Position
from stream_app.core.identity_records import LinkRecord, ParkRecord, PassingEvent, Place
from stream_app.core.instants import parse_instant
from stream_app.core.model import Identifier, Model, Text

MAX_HOPS = 8
"""A chain of aliases longer than this is not believed."""
MAX_REFUSED = 16
"""More calls than this that claim one alias are not told apart any more: their alerts may come again."""


MAX_REFUSED_AT = 256
"""Positions of refused events that an alias remembers."""


class Alias(msgspec.Struct, frozen=True, rename="camel"):
    """What the identity stage remembers of one alias. Fields in the order of their names, as its row has them."""

    alias: str
    canonical_call_id: str | None = None
    edges: tuple[str, ...] = ()
    """Other aliases of the same call."""
    orphaned: bool = False
    """Whether the orphan alert was raised."""
    parked: tuple[PassingEvent, ...] = ()
    """Events that wait for a link, in the order they came."""
    refused: tuple[str, ...] = ()
    """Other calls that claimed the alias, the last MAX_REFUSED of them: each is one alert, however often it claims."""
    refused_at: tuple[Place, ...] = ()
    """Where refused events stood in their input topics, the last MAX_REFUSED_AT: each is one dead letter, though
    intake may send it again after a fault."""
    said_by: str | None = None
    since: int | None = None
    """The stage's time, ms, when the first event was parked."""


class AliasState(Model):
    """The same, as those read it who only look: `why` and `audit`, from the changelog."""

    alias: Text
    canonical_call_id: Identifier | None = None
    said_by: str | None = None
    edges: tuple[str, ...] = ()
    parked: tuple[AcceptedEvent, ...] = ()
    since: int | None = None
    orphaned: bool = False
    refused: tuple[str, ...] = ()
    refused_at: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A refused claim: `alias` belongs to `owner`, `claimed_by` said otherwise."""

    alias: str
    owner: str
    claimed_by: str
    said_by: str
    position: Place


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one record came to: events that may go on under an ID, hops to send, refusals."""

    state: Alias
    released: tuple[PassingEvent, ...] = ()
    """They go on as evidence of the call that the alias is linked to now."""
    hops: tuple[LinkRecord, ...] = ()
    refused: Claim | None = None
    refused_event: PassingEvent | None = None


def fold_park(state: Alias, record: ParkRecord, now: int | None) -> Resolution:
    """An event arrives at this alias; one that states its canonical ID makes a claim on the alias.

    Raises RecordError where a claim does not say whose it is.
    """
    event = record.event
    if record.canonical_call_id is not None:
        if record.canonical_call_id == state.canonical_call_id:
            return Resolution(state, (event,))
        if event.position in state.refused_at:
            return Resolution(state)
        resolution = _bind(state, record.canonical_call_id, event.source(), event.position, hop=0)
        if resolution.refused:
            seen = (*state.refused_at, event.position)[-MAX_REFUSED_AT:]
            state = msgspec.structs.replace(resolution.state, refused_at=seen)
            return Resolution(state, refused=resolution.refused, refused_event=event)
        return Resolution(resolution.state, (*resolution.released, event), resolution.hops)
    if state.canonical_call_id is not None:
        return Resolution(state, (event,))
    if any(waiting.position == event.position for waiting in state.parked):
        return Resolution(state)
    since = state.since
    if since is None and now is not None:
        # The clock may stand far back behind an outage, and then leap: the wait begins when the event came.
        since = max(now, parse_instant(event.received_at))
    return Resolution(msgspec.structs.replace(state, parked=(*state.parked, event), since=since))


def fold_link(state: Alias, record: LinkRecord) -> Resolution:
    """A link arrives: to a canonical ID, or to another alias of the same call."""
    if record.canonical_call_id is not None:
        return _bind(state, record.canonical_call_id, record.said_by, record.position, hop=record.hop)
    if record.other is None or record.other == state.alias:
        return Resolution(state)
    if record.other not in state.edges:
        state = msgspec.structs.replace(state, edges=tuple(sorted((*state.edges, record.other))))
    if state.canonical_call_id is None:
        return Resolution(state)
    return Resolution(state, hops=_hops(state, (record.other,), record.position, record.hop))


def hops_again(state: Alias, record: ParkRecord | LinkRecord) -> tuple[LinkRecord, ...]:
    """At least the hops that folding this record has sent already: its receipts may still be on their way.

    Their receipts come as often as they are sent, and a hop that comes again changes nothing.
    """
    if state.canonical_call_id is None:
        return ()
    if isinstance(record, ParkRecord):
        claimed = record.canonical_call_id == state.canonical_call_id
        return _hops(state, state.edges, record.event.position, 0) if claimed else ()
    if record.canonical_call_id is not None:
        claimed = record.canonical_call_id == state.canonical_call_id
        return _hops(state, state.edges, record.position, record.hop) if claimed else ()
    if record.other is None or record.other == state.alias:
        return ()
    return _hops(state, (record.other,), record.position, record.hop)


def _bind(state: Alias, canonical: str, said_by: str, position: Place, *, hop: int) -> Resolution:
    owner = state.canonical_call_id
    if owner == canonical:
        return Resolution(state)
    if owner is not None:
        claim = Claim(state.alias, owner, canonical, said_by, position)
        if canonical not in state.refused:
            state = msgspec.structs.replace(state, refused=(*state.refused, canonical)[-MAX_REFUSED:])
        return Resolution(state, refused=claim)
    bound = Alias(state.alias, canonical_call_id=canonical, edges=state.edges, said_by=said_by)
    return Resolution(bound, state.parked, _hops(bound, state.edges, position, hop))


def _hops(state: Alias, edges: tuple[str, ...], position: Place, hop: int) -> tuple[LinkRecord, ...]:
    if hop >= MAX_HOPS or state.canonical_call_id is None:
        return ()
    return tuple(
        LinkRecord(
            alias=edge,
            canonical_call_id=state.canonical_call_id,
            other=state.alias,
            said_by=state.said_by or "",
            position=position,
            hop=hop + 1,
        )
        for edge in edges
    )


def hop_id(link: LinkRecord) -> str:
    """The receipt's token: the same hop sent again after a crash has the same one."""
    return f"{link.position.key()}|{link.other}|{link.alias}"
