"""The only place for what topics exist: name, model, key, role, partitions, clean-up, retention, sizes. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from stream_app.core import (
    dead_letters,
    events,
    evidence,
    identities,
    ledger,
    orders,
    packet,
    partition_states,
    reviews,
)

Role = Literal["input", "internal", "output"]
DAY_MS = 86_400_000
MIB = 1 << 20

MAX_EVENT_BYTES = MIB
"""A larger event is dead-lettered; the topics take more, so that it is our answer and not a lost record."""


@dataclass(frozen=True)
class Topic:
    """One topic, name without the configurable prefix. `models` are its record types; none means foreign payloads."""

    name: str
    role: Role
    key: str
    models: tuple[type[BaseModel], ...]
    purpose: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = 14 * DAY_MS
    max_message_bytes: int = 2 * MIB
    append_time: bool = False
    """Broker time on every record: what `clock` records are made of."""
    beside: bool = False
    """An input that a stage reads beside internal topics of the same key: it has as many partitions as they."""
    union: object | None = field(default=None, compare=False)
    """The discriminated union of `models`, where there is one."""

    def config(self) -> dict[str, str]:
        """The topic-level broker settings."""
        settings = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
        }
        if self.cleanup == "delete":
            settings["retention.ms"] = str(self.retention_ms)
        return settings


def _input(model: type[events.Event], purpose: str) -> Topic:
    return Topic(
        model.TYPE, "input", "the producer's own", (model,), purpose, max_message_bytes=8 * MIB, append_time=True
    )


CALL_ENDED = _input(events.CallEnded, "The call is over: identity, times, measures, references.")
EVALUATION_COMPLETED = _input(events.EvaluationCompleted, "An evaluator's judgement of a call.")
TOOL_CALL = _input(events.ToolCall, "One tool call of the voice agent.")
ARTIFACT_READY = _input(events.ArtifactReady, "An artifact exists, or never will.")
TRACE_COMPLETED = _input(events.TraceCompleted, "A trace is closed, with its key spans in summary.")
CALL_REPORTED = _input(events.CallReported, "A customer or support team named a bad call.")
SELECTION_REQUESTED = _input(events.SelectionRequested, "Somebody asks for a call to be reviewed.")
IDENTITY_LINKED = _input(events.IdentityLinked, "Names of one call belong together.")
REVIEW_RECORDED = Topic(
    "review-recorded",
    "input",
    "canonicalCallId",
    (events.ReviewRecorded,),
    "A reviewer's outcome.",
    append_time=True,
    beside=True,
)
PROVIDER_RECORDS = Topic(
    "provider-records", "input", "the producer's own", (),
    "Providers' own payloads, OTLP among them; intake runs the adapter.",
    max_message_bytes=8 * MIB, append_time=True,
)  # fmt: skip
IDENTITY = Topic(
    "identity", "internal", "scheme:value",
    (identities.Park, identities.Link, identities.HopDone, evidence.ClockRecord),
    "Aliases: events that wait for a link, links, clocks on their way.", append_time=True,
    union=identities.IdentityRecord,
)  # fmt: skip
EVIDENCE = Topic(
    "evidence", "internal", "canonicalCallId",
    (evidence.EventRecord, evidence.ClockRecord, evidence.PolicyActivated),
    "The join's only input: accepted events with identity resolved, clocks, policies.",
    union=evidence.EvidenceRecord,
)  # fmt: skip
SEAL_ORDERS = Topic("seal-orders", "internal", "canonicalCallId", (orders.SealOrder,), "Seal this call, version n.")
SEAL_RETRY = Topic(
    "seal-retry", "internal", "canonicalCallId", (orders.SealRetry,), "Orders whose source object could not be read."
)
PACKETS = Topic(
    "packets", "output", "canonicalCallId", (packet.Packet,), "Evidence packets: the public contract.",
    retention_ms=30 * DAY_MS,
)  # fmt: skip
PACKETS_RESTRICTED = Topic(
    "packets-restricted", "output", "canonicalCallId", (packet.Packet,),
    "Bodies of blocked and raw_restricted packets; needs its own ACL.", retention_ms=30 * DAY_MS,
)  # fmt: skip
JOIN_ALERTS = Topic(
    "join-alerts", "output", "canonicalCallId or source", (orders.JoinAlert,), "Stuck joins and what became of them."
)
REVIEW_TASKS = Topic(
    "review-tasks", "output", "canonicalCallId", (reviews.ReviewTask,), "Current state of each review.",
    cleanup="compact",
)  # fmt: skip
LEDGER = Topic(
    "ledger", "output", "partition", (ledger.LedgerEntry,), "Hourly signed root over what was sealed.",
    retention_ms=3650 * DAY_MS,
)  # fmt: skip
PARTITION_STATES = Topic(
    "partition-states", "internal", "topic/partition", (partition_states.PartitionState,),
    "Input partitions that are paused, and that go on.", cleanup="compact",
)  # fmt: skip
DEAD_LETTERS = Topic(
    "dead-letters", "output", "the original key", (dead_letters.DeadLetter,), "Records that could not be used.",
    max_message_bytes=16 * MIB, retention_ms=30 * DAY_MS,
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    CALL_ENDED, EVALUATION_COMPLETED, TOOL_CALL, ARTIFACT_READY, TRACE_COMPLETED, CALL_REPORTED, SELECTION_REQUESTED,
    IDENTITY_LINKED, REVIEW_RECORDED, PROVIDER_RECORDS, IDENTITY, EVIDENCE, SEAL_ORDERS, SEAL_RETRY, PACKETS,
    PACKETS_RESTRICTED, JOIN_ALERTS, REVIEW_TASKS, LEDGER, PARTITION_STATES, DEAD_LETTERS,
)  # fmt: skip

INTAKE_TOPICS: tuple[Topic, ...] = (
    CALL_ENDED, EVALUATION_COMPLETED, TOOL_CALL, ARTIFACT_READY, TRACE_COMPLETED, CALL_REPORTED, SELECTION_REQUESTED,
    IDENTITY_LINKED,
)  # fmt: skip
"""What intake reads, one type of event a topic. Beside them: what `provider_topics` of the settings names."""


def topic_named(name: str) -> Topic:
    """The topic with this (unprefixed) name; KeyError for an unknown one."""
    return {topic.name: topic for topic in TOPICS}[name]
