"""The only place for how calls are named: alias keys, precedence of schemes, records of the `identity` topic.

The models are what `schemas/` says of the records; the stage reads and writes them as `identity_records` has them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stream_app.core.accounts import REPORT_SCHEME, report_name
from stream_app.core.events import CallReported, Event
from stream_app.core.evidence import AcceptedEvent, ClockRecord, Position
from stream_app.core.model import Identifier, Model

TRACE_SCHEME = "traceId"

AliasKey = Annotated[str, StringConstraints(min_length=1, max_length=64 + 1 + 256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""`scheme:value`, with room for the longest of both that an event may carry."""

PRECEDENCE: tuple[str, ...] = (
    "connectContactId",
    "twilioCallSid",
    "vapiCallId",
    "retellCallId",
    "elevenlabsConversationId",
    "livekitRoomSid",
    "livekitRoom",
    "pipecatConversationId",
    "sipCallId",
    "livekitEgress",
    "testRunId",
    TRACE_SCHEME,
)
"""Which of an event's aliases it waits under: the one most likely to be linked comes first, unknown schemes between."""


def aliases_of(event: Event) -> dict[str, str]:
    """Every alias of an event, its `traceId` included; of a report that names an account alone the alias it waits at.

    Raises ValueError where the event contradicts itself: two different trace IDs in one event name two calls.
    """
    aliases = dict(event.aliases)
    if event.trace_id is not None:
        if aliases.get(TRACE_SCHEME, event.trace_id) != event.trace_id:
            raise ValueError("traceId and aliases.traceId differ")
        aliases[TRACE_SCHEME] = event.trace_id
    if not aliases and event.canonical_call_id is None and isinstance(event, CallReported) and event.account_ref:
        aliases[REPORT_SCHEME] = report_name(event.source, event.event_id)
    return aliases


def alias_key(scheme: str, value: str) -> str:
    """`scheme:value`, the key of the `identity` topic and table."""
    return f"{scheme}:{value}"


class Ranking:
    """Which of a call's names is the best: by the precedence of its scheme, then the smallest."""

    def __init__(self, precedence: tuple[str, ...] = PRECEDENCE) -> None:
        self._ranks: dict[str, float] = {scheme: rank for rank, scheme in enumerate(precedence)}
        last = [self._ranks[scheme] for scheme in _LEAST if scheme in self._ranks]
        self._unknown = min(last, default=len(precedence)) - 0.5

    def scheme(self, scheme: str) -> tuple[float, str]:
        """Sorts schemes, the best first."""
        return (self._ranks.get(scheme, self._unknown), scheme)

    def name(self, alias: str) -> tuple[float, str]:
        """Sorts alias keys (`scheme:value`), the best first."""
        return (self._ranks.get(alias.partition(":")[0], self._unknown), alias)

    def better(self, one: str, other: str) -> bool:
        """Whether this alias key is the better name of the two."""
        return self.name(one) < self.name(other)


_LEAST = ("testRunId", TRACE_SCHEME)
"""What names a call least surely: schemes that nobody listed stand before these."""
_RANKING = Ranking()


def by_precedence(aliases: dict[str, str]) -> list[str]:
    """Alias keys, best known scheme first; schemes that nobody listed stand before test runs and traces."""
    return [f"{scheme}:{aliases[scheme]}" for scheme in _ranked(tuple(aliases))]


@lru_cache(maxsize=1024)
def _ranked(schemes: tuple[str, ...]) -> tuple[str, ...]:
    """Producers use few sets of schemes; what they use them for is not kept here."""
    return tuple(sorted(schemes, key=_RANKING.scheme))


class Park(Model):
    """An event waits at this alias until the alias is linked; one with a canonical ID only has its claim checked."""

    record: Literal["park"] = "park"
    alias: AliasKey
    canonical_call_id: Identifier | None = None
    """The canonical ID that the event itself states; None where only aliases are known."""
    event: AcceptedEvent


class Link(Model):
    """`alias` names the same call as `canonical_call_id` or as `other`; `said_by` is the source of the claim."""

    record: Literal["link"] = "link"
    alias: AliasKey
    canonical_call_id: Identifier | None = None
    other: AliasKey | None = None
    said_by: str
    position: Position
    hop: int = 0
    """How many aliases the claim has travelled over."""
    best: AliasKey | None = None
    """The best name that `other` knows of in its group; None where it says nothing of it."""
    minted: bool = False
    """Whether `canonical_call_id` is one that we made up, of the best name there was."""
    sent_from: int | None = None
    """The identity partition that waits for `HopDone`; None for links that intake wrote."""


class HopDone(Model):
    """Receipt to the sending partition: what the hop caused is confirmed."""

    record: Literal["hop-done"] = "hop-done"
    hop_id: str


class AccountCall(Model):
    """A call of an account, for reports that name the account alone; times in ms."""

    record: Literal["account-call"] = "account-call"
    account: Annotated[str, StringConstraints(min_length=1)]
    began: int
    call: Identifier
    ended: int


class AccountReport(Model):
    """A report that waits at `alias` asks for the call of an account; times in ms."""

    record: Literal["account-report"] = "account-report"
    account: Annotated[str, StringConstraints(min_length=1)]
    alias: AliasKey
    around: int
    position: Position
    received_at: int


class Candidates(Model):
    """The report that waits at `alias` may mean any of these calls."""

    record: Literal["candidates"] = "candidates"
    alias: AliasKey
    candidates: tuple[Identifier, ...]
    more: bool = False
    """Whether there are, or may have been, others."""
    position: Position


IdentityRecord = Annotated[
    Park | Link | HopDone | ClockRecord | AccountCall | AccountReport | Candidates, Field(discriminator="record")
]
