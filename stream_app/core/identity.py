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

from stream_app.core.evidence import AcceptedEvent, EventRecord, Position
from stream_app.core.identities import AliasKey, Link, Park
from stream_app.core.model import Identifier, Model

MAX_HOPS = 8
"""A chain of aliases longer than this is not believed."""


class AliasState(Model):
    """What the identity stage remembers of one alias."""

    alias: AliasKey
    canonical_call_id: Identifier | None = None
    said_by: str | None = None
    edges: tuple[str, ...] = ()
    """Other aliases of the same call."""
    parked: tuple[AcceptedEvent, ...] = ()
    """Events that wait for a link, in the order they came."""
    since: int | None = None
    """The stage's time, ms, when the first event was parked."""
    orphaned: bool = False
    """Whether the orphan alert was raised."""


@dataclass(frozen=True)
class Claim:
    """A refused claim: `alias` belongs to `owner`, `claimed_by` said otherwise."""

    alias: str
    owner: str
    claimed_by: str
    said_by: str
    position: Position


@dataclass(frozen=True)
class Resolution:
    """What one record came to: events that may go on, hops to send, refusals."""

    state: AliasState
    released: tuple[EventRecord, ...] = ()
    hops: tuple[Link, ...] = ()
    refused: Claim | None = None
    refused_event: AcceptedEvent | None = None


def fold_park(state: AliasState, record: Park, now: int | None) -> Resolution:
    """An event arrives at this alias; one that states its canonical ID makes a claim on the alias."""
    event = record.event
    if record.canonical_call_id is not None:
        resolution = _bind(state, record.canonical_call_id, event.event["source"], event.position, hop=0)
        if resolution.refused:
            return Resolution(state, refused=resolution.refused, refused_event=event)
        return Resolution(
            resolution.state, (*resolution.released, event.resolved(record.canonical_call_id)), resolution.hops
        )
    if state.canonical_call_id is not None:
        return Resolution(state, (event.resolved(state.canonical_call_id),))
    if any(waiting.position == event.position for waiting in state.parked):
        return Resolution(state)
    return Resolution(
        state.model_copy(
            update={"parked": (*state.parked, event), "since": state.since if state.since is not None else now}
        )
    )


def fold_link(state: AliasState, record: Link) -> Resolution:
    """A link arrives: to a canonical ID, or to another alias of the same call."""
    if record.canonical_call_id is not None:
        return _bind(state, record.canonical_call_id, record.said_by, record.position, hop=record.hop)
    if record.other is None or record.other == state.alias:
        return Resolution(state)
    if record.other not in state.edges:
        state = state.model_copy(update={"edges": tuple(sorted((*state.edges, record.other)))})
    if state.canonical_call_id is None:
        return Resolution(state)
    return Resolution(state, hops=_hops(state, (record.other,), record.position, record.hop))


def _bind(state: AliasState, canonical: str, said_by: str, position: Position, *, hop: int) -> Resolution:
    owner = state.canonical_call_id
    if owner == canonical:
        return Resolution(state)
    if owner is not None:
        return Resolution(state, refused=Claim(state.alias, owner, canonical, said_by, position))
    bound = state.model_copy(
        update={"canonical_call_id": canonical, "said_by": said_by, "parked": (), "since": None, "orphaned": False}
    )
    released = tuple(event.resolved(canonical) for event in state.parked)
    return Resolution(bound, released, _hops(bound, state.edges, position, hop))


def _hops(state: AliasState, edges: tuple[str, ...], position: Position, hop: int) -> tuple[Link, ...]:
    if hop >= MAX_HOPS or state.canonical_call_id is None:
        return ()
    return tuple(
        Link(
            alias=edge,
            canonical_call_id=state.canonical_call_id,
            other=state.alias,
            said_by=state.said_by or "",
            position=position,
            hop=hop + 1,
        )
        for edge in edges
    )


def hop_id(link: Link) -> str:
    """The receipt's token: the same hop sent again after a crash has the same one."""
    return f"{link.position.key()}|{link.other}|{link.alias}"
