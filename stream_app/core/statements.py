"""The only place for what the join reads of an event's own words: per type of event, the fields that decisions need.

Typed on purpose: a struct is read sooner than a dict, and a field that was misspelt is an error here and not a reason
that silently never applies. What the packet shows is copied from the event's
document (`Piece.body`), never from a statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _Statement(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel", tag_field="type"):
    """What every event says; field names are those of `events`."""

    event_id: _Id
    occurred_at: str
    source: str
    aliases: dict[str, str] = {}
    trace_id: str | None = None


class Quality(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`events.CallQuality`."""

    mos: int | float | None = None
    packet_loss_pct: int | float | None = None
    jitter_ms: int | float | None = None


class Measured(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`events.Measures`."""

    min_asr_confidence: int | float | None = None
    min_intent_confidence: int | float | None = None
    max_silence_ms: int | None = None
    p95_response_ms: int | None = None
    interruptions: int | None = None
    call_quality: Quality | None = None


class Referred(msgspec.Struct, frozen=True, gc=False):
    """That there is a reference; what it says is for the sealer."""


class CallStated(_Statement, frozen=True, gc=False, tag="call-ended"):
    """`events.CallEnded`."""

    ended_at: str
    agent_id: str | None = None
    agent_version: str | None = None
    workflow_agent: bool | None = None
    queue: str | None = None
    language: str | None = None
    cohort: str | None = None
    region: str | None = None
    duration_ms: int | None = None
    disconnect_reason: str | None = None
    channels: int | None = None
    expected_tool_calls: int | None = None
    tools_final: bool | None = None
    measures: Measured | None = None
    transcript: Referred | None = None
    recording: Referred | None = None


class Effect(msgspec.Struct, frozen=True, gc=False):
    """Of `events.SideEffect`, whether it says anything."""

    kind: str


class ToolStated(_Statement, frozen=True, gc=False, tag="tool-call"):
    """`events.ToolCall`; its payloads never come this far."""

    tool_call_id: str
    status: str
    occurrence: int = 1
    sequence: int | None = None
    side_effect: Effect | None = None


class Checked(msgspec.Struct, frozen=True, gc=False):
    """`events.Assertion`."""

    name: str
    passed: bool
    severity: str | None = None


class EvaluationStated(_Statement, frozen=True, gc=False, tag="evaluation-completed"):
    """`events.EvaluationCompleted`."""

    score: int | float | None = None
    label: str | None = None
    failure_label: str | None = None
    assertions: tuple[Checked, ...] = ()
    policy_flags: tuple[str, ...] = ()


class ArtifactStated(_Statement, frozen=True, gc=False, tag="artifact-ready"):
    """`events.ArtifactReady`."""

    artifact: Literal["transcript", "recording", "log", "pcap"]
    availability: Literal["ready", "never"]
    reason: str | None = None
    reference: Referred | None = None


class TraceStated(_Statement, frozen=True, gc=False, tag="trace-completed"):
    """`events.TraceCompleted`."""


class ReportStated(_Statement, frozen=True, gc=False, tag="call-reported"):
    """`events.CallReported`."""

    reported_by: str = "customer"


class SelectionStated(_Statement, frozen=True, gc=False, tag="selection-requested"):
    """`events.SelectionRequested`."""

    trigger: str


class LinkStated(_Statement, frozen=True, gc=False, tag="identity-linked"):
    """`events.IdentityLinked`."""


class DisputeStated(_Statement, frozen=True, gc=False, tag="identity-disputed"):
    """`identity_events`: two calls claim one alias, this one among them."""

    alias: str
    claimed_by: tuple[str, ...] = ()


class SettledStated(_Statement, frozen=True, gc=False, tag="identity-settled"):
    """`identity_events`: an operator has said whose alias it is."""

    alias: str


class MergeStated(_Statement, frozen=True, gc=False, tag="identity-merged"):
    """`identity_events`: this call is another one, under whose ID its evidence goes on."""

    into: _Id


Statement = (
    CallStated
    | ToolStated
    | EvaluationStated
    | ArtifactStated
    | TraceStated
    | ReportStated
    | SelectionStated
    | LinkStated
    | DisputeStated
    | SettledStated
    | MergeStated
)

decode_statement: Callable[[bytes | msgspec.Raw], Statement] = msgspec.json.Decoder(Statement).decode
"""Of an event's document in JSON. Raises msgspec.MsgspecError."""


def statement_of(document: dict[str, Any]) -> Statement:
    """Of an event's document that was decoded already. Raises msgspec.ValidationError."""
    made: Statement = msgspec.convert(document, Statement)
    return made
