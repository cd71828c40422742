"""The only place for what the join remembers of one call: its evidence, what was ordered, which timers are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.core.identity_records import Place
from stream_app.core.instants import parse_instant
from stream_app.core.orders import Conflict, SelectionReason
from stream_app.core.statements import CallStated, Statement, ToolStated, decode_statement

MAX_KEPT_REPEATS = 1000
"""Positions of duplicates kept for the accounting; beyond it they are only counted."""

BITS: dict[Kind, int] = {kind: 1 << number for number, kind in enumerate(KIND_ORDER)}
"""One bit a kind, for sets of kinds."""

UNTOLD = 2**31
"""More tool calls than there will be: nobody said how many."""

_DOCUMENT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Evidence(Protocol):
    """What a judgement sees of one piece of evidence; `orders.Item` and `Piece` are both such."""

    @property
    def kind(self) -> Kind: ...
    @property
    def event_id(self) -> str: ...
    @property
    def received_at(self) -> int: ...
    @property
    def occurred_at(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def event(self) -> dict[str, Any]: ...
    @property
    def statement(self) -> Statement: ...


class _Document:
    """Decodes a piece's body once; what it comes to then hides this. (`cached_property` takes a lock for it.)"""

    def __get__(self, piece: Any, owner: type | None = None) -> dict[str, Any]:
        document = piece.__dict__["event"] = _DOCUMENT.decode(piece.body)
        return document


class _Stated:
    """Decodes what a piece states, once, where it was not read just now."""

    def __get__(self, piece: Any, owner: type | None = None) -> Statement:
        made: Statement = decode_statement(piece.body)
        piece.__dict__["statement"] = made
        return made


class Piece(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """One accepted piece of evidence: `orders.Item`, with the event as the bytes that came."""

    kind: Kind
    event_id: str
    topic: str
    partition: int
    offset: int
    received_at: int
    """Broker time of the input record, ms."""
    occurred_at: int
    """The event's own time, ms, clamped to the broker's where it lay in the future."""
    skewed: bool
    digest: str
    body: bytes
    """The reduced event's JSON, as intake wrote it."""
    bits: int
    """Kinds that this piece may be, or hold a reference to: never fewer than the requirements find in it."""
    traceparent: str | None = None
    awaits: int = 0
    """Of a call-ended: how many tool calls must come before its tools are settled, time apart; `UNTOLD` of them where
    it does not say."""

    event: ClassVar[_Document] = _Document()
    """The reduced event, decoded when it is first asked for. Not to be changed."""
    statement: ClassVar[_Stated] = _Stated()
    """What decisions need of it."""

    @property
    def position(self) -> Place:
        """Where the record stood in its input topic."""
        return Place(self.offset, self.partition, self.topic)


class CallState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything the join knows of one call; small, because items are reduced events and references."""

    call_id: str
    items: tuple[Piece, ...] = ()
    duplicates: tuple[Place, ...] = ()
    duplicate_count: int = 0
    conflicts: tuple[Conflict, ...] = ()
    alternates: tuple[Piece, ...] = ()
    """Other contents of conflicting events: none is believed, but a reason that any of them gives counts."""
    first_seen: int | None = None
    """Join time when the first evidence came, ms; None until the join has a time at all."""
    policy: str | None = None
    """Digest of the policy in force when call-ended came; a call is bound to it."""
    reason_since: int | None = None
    """Join time, ms, when the first reason to review the call appeared, as far as its evidence was `weighed`."""
    deadline_passed: bool = False
    orphan_passed: bool = False
    soft_passed: int = 0
    """How many soft thresholds have passed."""
    firing: tuple[str, ...] = ()
    """IDs of alerts that were raised and not yet resolved."""
    version: int = 0
    """Last version ordered; 0 means none."""
    ordered_reason: SelectionReason | None = None
    changed_at: int | None = None
    """Join time, ms, of the first new evidence after the last version; None when nothing changed."""
    changed_by_conflict: bool = False
    due: int | None = None
    """When the call must be looked at again, ms of the join's time."""
    open_since: int | None = None
    """The call's end (or what stands for it), ms, while its deadline lies ahead and evidence is still awaited."""
    unweighed: tuple[int, ...] = ()
    """Join times at which the last items came that were folded without looking for reasons."""
    under: str | None = None
    """Digest of the policy by which a call that is bound to none was looked at last; None for one that is."""
    merged_into: str | None = None
    """Another name of the same call, under which its evidence goes on: this one is ordered no more."""

    def knows(self, position: Place) -> bool:
        """Whether the record at this source position is already accounted for here."""
        offset, partition, topic = position.offset, position.partition, position.topic
        for item in self.items:
            if item.offset == offset and item.partition == partition and item.topic == topic:
                return True
        if not self.duplicates and not self.conflicts:
            return False
        if position in self.duplicates:
            return True
        return any(
            known.offset == offset and known.partition == partition and known.topic == topic
            for conflict in self.conflicts
            for known in conflict.positions
        )


def end_of(call: Evidence, skew_ahead: int, skew_behind: int) -> int:
    """When the call ended, ms: the anchor of its deadlines, clamped to the broker's time where it lies far off.

    Too far ahead is a broken clock. Too far behind is a producer that delivered late: its call deserves its full
    deadline, counted from when we could first know of it.
    """
    received = call.received_at
    ended = _ended_at(call)
    if ended > received + skew_ahead or ended < received - skew_behind:
        return received
    return ended


def stated_end(call: Evidence, skew_ahead: int) -> int:
    """When the source says the call ended, ms, a time in the future replaced by the broker's: it dates the packet."""
    ended = _ended_at(call)
    return call.received_at if ended > call.received_at + skew_ahead else ended


def _ended_at(call: Evidence) -> int:
    statement = call.statement
    assert isinstance(statement, CallStated)
    return parse_instant(statement.ended_at)


_RANKS: Mapping[Kind, int] = {kind: rank for rank, kind in enumerate(KIND_ORDER)}
_TOOLS = _RANKS["tools"]


def _rank(item: Evidence) -> tuple[int, int, str, int, str]:
    tool = item.statement
    if isinstance(tool, ToolStated):
        return (_TOOLS, tool.sequence or 0, tool.tool_call_id, tool.occurrence, item.event_id)
    return (_RANKS[item.kind], 0, "", 0, item.event_id)


AnyEvidence = TypeVar("AnyEvidence", bound=Evidence)


def packet_order(items: Sequence[AnyEvidence]) -> tuple[AnyEvidence, ...]:
    """Items in the order in which a packet lists them, whatever order they came in."""
    return tuple(sorted(items, key=_rank))


def aliases_of_items(items: Sequence[Evidence]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(scheme -> shown value, scheme -> its further values) over all evidence; the smallest value is shown."""
    shown: dict[str, str] = {}
    several: dict[str, set[str]] = {}
    for item in items:
        statement = item.statement
        trace_id = statement.trace_id
        named: Iterable[tuple[str, str]] = statement.aliases.items()
        if trace_id is not None:
            named = (*named, ("traceId", trace_id))
        for scheme, value in named:
            if shown.setdefault(scheme, value) != value:
                several.setdefault(scheme, {shown[scheme]}).add(value)
    further: dict[str, tuple[str, ...]] = {}
    for scheme in sorted(several):
        shown[scheme], *rest = sorted(several[scheme])
        further[scheme] = tuple(rest)
    return {scheme: shown[scheme] for scheme in sorted(shown)}, further
