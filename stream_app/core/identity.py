"""The only place where aliases become canonical call IDs: one alias's state machine, folded one record at a time.

Theory of operation. Each alias (`scheme:value`) lives in one partition of the `identity` topic. It is either unknown,
and then events wait at it; or linked to a canonical ID, and then events pass through. Links come from events that
state a canonical ID, or name two aliases: those become edges. When an alias learns its canonical ID it releases what
waits and tells its neighbours (a hop, at most MAX_HOPS far). Until then neighbours tell each other the best name that
they know of their group, so that all of them come to know the same one.

    unknown --event--> parked here          unknown --edge to a linked alias--> linked by its hop
    unknown --link or claim--> linked: parked events leave, neighbours are told
    a call-ended waits, `mintDelay` passes--> linked to an ID minted of the group's best name
    linked --same ID--> nothing new
    minted --a system's own ID--> stays: the system's ID becomes an alias, its call is merged into this one
    linked, minted --another minted ID--> the better name stays, the other call is merged into it
    linked --another system's ID--> disputed: both calls are told, events that know only the alias wait
    disputed, linked --an operator's link--> linked to what the operator says; both calls are told

So ends do not depend on the order: of two IDs for one call a minted one stays before a system's (it may be sealed), of
two minted ones that of the better name; and two systems' IDs are never merged by a guess.

A hop is receipted (`HopDone`) once everything it caused is durable. The sender holds its clock until then, so time
never overtakes an event on its way.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from stream_app.core import accounts
from stream_app.core import identity_notices as notices
from stream_app.core.events import CallEnded
from stream_app.core.evidence import AcceptedEvent
from stream_app.core.identities import Ranking
from stream_app.core.identity_records import CandidatesRecord, LinkRecord, ParkRecord, PassingEvent, Place
from stream_app.core.instants import parse_instant
from stream_app.core.model import Identifier, Model, Text

MAX_HOPS = 8
"""A chain of aliases longer than this is not believed."""
MAX_CALL_ID = 256
MAX_DISPUTED = 16
"""More calls than this that claim one alias are not told apart any more."""
OPERATOR = "operator"
"""`source` of links by people who may overrule systems: this, or this and a name (`operator/ada`). Who may write it is
for the broker's ACLs to say."""
MINTED_BY = "call-evidence-stream/minted"
UNKNOWN_CALL = "(forgotten)"
"""Stands for the calls of an account that are not remembered any more."""


class Alias(msgspec.Struct, frozen=True, rename="camel"):
    """What the identity stage remembers of one alias. Fields in the order of their names, as its row has them."""

    alias: str
    best: str | None = None
    """The best name that is known of the group it belongs to; None: its own."""
    candidates: tuple[str, ...] = ()
    """Of a report that names an account alone: the calls it may mean, until somebody says which."""
    canonical_call_id: str | None = None
    disputed: tuple[str, ...] = ()
    """Calls that claim it, its owner among them, until an operator says whose it is; the last MAX_DISPUTED of them."""
    edges: tuple[str, ...] = ()
    """Other aliases of the same call."""
    ended_since: int | None = None
    """The stage's time, ms, when the first call-ended was parked here; 0: before there was a time."""
    minted: bool = False
    """Whether we made the canonical ID up, for want of any system's."""
    orphaned: bool = False
    """Whether the orphan alert was raised."""
    overruled: tuple[str, ...] = ()
    """Calls that an operator has said it is not; their claims are not heard any more."""
    own: str | None = None
    """Of a minted call, the ID that a system gave it."""
    parked: tuple[PassingEvent, ...] = ()
    """Events that wait for a link, in the order they came."""
    said_by: str | None = None
    since: int | None = None
    """The stage's time, ms, when the first event was parked."""

    @property
    def name(self) -> str:
        """The best name known of its group."""
        return self.best or self.alias


class AliasState(Model):
    """The same, as those read it who only look: `why` and `audit`, from the changelog."""

    alias: Text
    canonical_call_id: Identifier | None = None
    minted: bool = False
    own: str | None = None
    said_by: str | None = None
    edges: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    parked: tuple[AcceptedEvent, ...] = ()
    since: int | None = None
    orphaned: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What a fold may look at besides the alias and the record."""

    time_ms: int
    """When the record was appended to the `identity` topic."""
    now: int | None
    """The stage's time, ms."""
    ranking: Ranking = field(default_factory=Ranking)


@dataclass(frozen=True, slots=True)
class Claim:
    """`alias` belongs to `owner`; `said_by` claims it for `claimed_by`."""

    alias: str
    owner: str
    claimed_by: str
    said_by: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one record came to: events that may go on under an ID, hops to send, what calls and people are told."""

    state: Alias
    released: tuple[PassingEvent, ...] = ()
    """They go on as evidence of the call that the alias is linked to now."""
    own_way: PassingEvent | None = None
    """It goes on as evidence of the call that it states: whose the alias is, is disputed."""
    hops: tuple[LinkRecord, ...] = ()
    notices: tuple[tuple[str, PassingEvent], ...] = ()
    """(call, notice): evidence of the kind `identity`, which goes before what is released."""
    disputes: tuple[Claim, ...] = ()
    """New ones, an alert each."""
    settled: tuple[Claim, ...] = ()
    """Disputes that are over."""


def fold_park(state: Alias, record: ParkRecord, context: Context) -> Resolution:
    """An event arrives at this alias; one that states its canonical ID makes a claim on the alias.

    Raises RecordError where a claim does not say whose it is.
    """
    event = record.event
    canonical = record.canonical_call_id
    if canonical is not None:
        claim = LinkRecord(
            alias=state.alias, canonical_call_id=canonical, said_by=event.source(), position=event.position
        )
        made = _claimed(state, canonical, claim, context)
        if made.state.disputed or canonical in made.state.overruled:
            return dataclasses.replace(made, own_way=event)
        return dataclasses.replace(made, released=(*made.released, event))
    if state.canonical_call_id is not None and not state.disputed:
        return Resolution(state, (event,))
    if any(waiting.position == event.position for waiting in state.parked):
        return Resolution(state)
    # The clock may stand far back behind an outage, and then leap: the wait begins when the event came.
    came = None if context.now is None else max(context.now, parse_instant(event.received_at))
    ended = state.ended_since
    if ended is None and event.type() == CallEnded.TYPE:
        ended = came or 0
    since = came if state.since is None else state.since
    return Resolution(replace(state, parked=(*state.parked, event), since=since, ended_since=ended))


def fold_link(state: Alias, record: LinkRecord, context: Context) -> Resolution:
    """A link arrives: to a canonical ID, or to another alias of the same call."""
    if record.canonical_call_id is not None:
        return _claimed(state, record.canonical_call_id, record, context)
    other = record.other
    if other is None or other == state.alias:
        return Resolution(state)
    known = other in state.edges
    if not known:
        state = replace(state, edges=tuple(sorted((*state.edges, other))))
    if state.canonical_call_id is not None:
        return Resolution(state, hops=() if state.disputed else _hops(state, (other,), record))
    best = record.best or other
    if context.ranking.better(best, state.name):
        state = replace(state, best=best)
        return Resolution(state, hops=_gossip(state, state.edges, record, context))
    return Resolution(state, hops=() if known and record.best is None else _gossip(state, (other,), record, context))


def fold_candidates(state: Alias, record: CandidatesRecord) -> Resolution:
    """A report may mean several calls (`accounts`): nothing is guessed, and what a person has said stands."""
    told = record.candidates or (UNKNOWN_CALL,)
    if (state.said_by is not None and state.said_by != accounts.SAID_BY) or told == state.candidates:
        return Resolution(state)
    return Resolution(replace(state, candidates=told))


def mint(state: Alias) -> Resolution:
    """Nobody has named the call of the call-ended that waits here: it is called by the best name of its group."""
    name = minted_id(state.name)
    bound = Alias(
        state.alias, best=state.best, canonical_call_id=name, edges=state.edges, minted=True, said_by=MINTED_BY
    )
    return Resolution(bound, state.parked, hops=_hops(bound, state.edges, state.parked[0].position))


def minted_id(best: str) -> str:
    """The call ID of a group whose best name this is: the name itself, or of one that is too long a digest."""
    return best if len(best) <= MAX_CALL_ID else f"{best.partition(':')[0]}:{sha256(best.encode()).hexdigest()}"


def hops_again(state: Alias, record: ParkRecord | LinkRecord, context: Context) -> tuple[LinkRecord, ...]:
    """At least the hops that folding this record has sent already: its receipts may still be on their way.

    Their receipts come as often as they are sent, and a hop that comes again changes nothing.
    """
    if state.disputed:
        return ()
    if isinstance(record, ParkRecord):
        claimed = record.canonical_call_id is not None and state.canonical_call_id is not None
        return _hops(state, state.edges, record.event.position) if claimed else ()
    if record.canonical_call_id is not None:
        return _hops(state, state.edges, record)
    if record.other is None or record.other == state.alias:
        return ()
    if state.canonical_call_id is None:
        return _gossip(state, state.edges, record, context)
    return _hops(state, (record.other,), record)


def is_operator(said_by: str) -> bool:
    """Whether a link is a person's word, which stands above systems'."""
    return said_by == OPERATOR or said_by.startswith(f"{OPERATOR}/")


def _claimed(state: Alias, canonical: str, claim: LinkRecord, context: Context) -> Resolution:
    """The alias is said to be this call's."""
    owner = state.canonical_call_id
    if owner is None:
        return _bound(state, canonical, claim)
    if is_operator(claim.said_by) and (claim.hop == 0 or state.disputed) and (owner != canonical or state.disputed):
        return _settled(state, owner, canonical, claim, context)
    if state.candidates and claim.said_by != accounts.SAID_BY and owner == canonical:
        return Resolution(replace(state, candidates=(), said_by=claim.said_by))
    if canonical in (owner, state.own) or canonical in state.disputed or canonical in state.overruled:
        return Resolution(state)
    if state.disputed or not (state.minted or claim.minted) or (state.own is not None and not claim.minted):
        return _disputed(state, owner, canonical, claim, context)
    # One of the two IDs was made up by us: they name one call.
    if state.minted and (not claim.minted or context.ranking.better(owner, canonical)):
        told = _merged(canonical, owner, claim, context, of_system=not claim.minted)
        if not claim.minted:
            state = replace(state, own=canonical)
        # The neighbour that said so must hear that its call goes by another name.
        back = (claim.other,) if claim.other in state.edges else ()
        return Resolution(state, hops=_hops(state, back, claim), notices=told)
    told = _merged(owner, canonical, claim, context, of_system=not state.minted)
    moved = _bound(state, canonical, claim)
    if not state.minted:
        moved = dataclasses.replace(moved, state=replace(moved.state, own=owner))
    return dataclasses.replace(moved, notices=told)


def _bound(state: Alias, canonical: str, claim: LinkRecord) -> Resolution:
    bound = Alias(
        state.alias, best=state.best, canonical_call_id=canonical, edges=state.edges, minted=claim.minted,
        overruled=state.overruled, said_by=claim.said_by,
    )  # fmt: skip
    return Resolution(bound, state.parked, hops=_hops(bound, state.edges, claim))


def _disputed(state: Alias, owner: str, canonical: str, claim: LinkRecord, context: Context) -> Resolution:
    """Two systems say different things. Nothing is guessed: both calls are told, and the alias names none of them."""
    before = state.disputed or (owner,)
    state = replace(state, disputed=(*before, canonical)[-MAX_DISPUTED:])
    both = tuple(sorted((owner, canonical)))
    told = tuple((call, notices.disputed(state.alias, both, claim.position, context.time_ms)) for call in both)
    return Resolution(state, notices=told, disputes=(Claim(state.alias, owner, canonical, claim.said_by),))


def _settled(state: Alias, owner: str, canonical: str, claim: LinkRecord, context: Context) -> Resolution:
    """An operator says whose the alias is."""
    others = tuple(dict.fromkeys((*state.overruled, *(call for call in (owner, *state.disputed) if call != canonical))))
    bound = _bound(replace(state, overruled=others[-MAX_DISPUTED:]), canonical, claim)
    told = tuple(
        (call, notices.settled(state.alias, canonical, claim.said_by, claim.position, context.time_ms))
        for call in dict.fromkeys((owner, *state.disputed, canonical))
    )
    over = tuple(Claim(state.alias, owner, call, claim.said_by) for call in state.disputed if call != owner)
    return dataclasses.replace(bound, notices=told, settled=over)


def _merged(
    call: str, into: str, claim: LinkRecord, context: Context, *, of_system: bool
) -> tuple[tuple[str, PassingEvent], ...]:
    """Both calls are told; the one that remains also by which name a system knows it."""
    told = (call, notices.merged(call, into, claim.position, context.time_ms))
    return (told, (into, notices.known_as(into, call, claim.position, context.time_ms))) if of_system else (told,)


def _hops(state: Alias, edges: tuple[str, ...], cause: LinkRecord | Place) -> tuple[LinkRecord, ...]:
    """Tell these neighbours whose alias this is."""
    position, hop = (cause.position, cause.hop) if isinstance(cause, LinkRecord) else (cause, 0)
    if hop >= MAX_HOPS or state.canonical_call_id is None:
        return ()
    return tuple(
        LinkRecord(
            alias=edge,
            canonical_call_id=state.canonical_call_id,
            minted=state.minted,
            other=state.alias,
            said_by=state.said_by or "",
            position=position,
            hop=hop + 1,
        )
        for edge in edges
    )


def _gossip(state: Alias, edges: tuple[str, ...], cause: LinkRecord, context: Context) -> tuple[LinkRecord, ...]:
    """Tell those neighbours of the group's best name that may not know one as good."""
    if cause.hop >= MAX_HOPS:
        return ()
    knows = cause.best or cause.other or ""
    return tuple(
        LinkRecord(
            alias=edge, best=state.name, other=state.alias, said_by=cause.said_by, position=cause.position,
            hop=cause.hop + 1,
        )
        for edge in edges
        if context.ranking.better(state.name, knows if edge == cause.other else edge)
    )  # fmt: skip


def hop_id(link: LinkRecord) -> str:
    """The receipt's token: the same hop sent again after a crash has the same one."""
    says = link.canonical_call_id or link.best or ""
    return f"{link.position.key()}|{link.other}|{link.alias}|{says}"
