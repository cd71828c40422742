"""The only place that reads the tables' changelogs from outside: what every worker together remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stream_app.core import alias_rows, due_index
from stream_app.core.accounts import is_account
from stream_app.core.call_rows import read_call
from stream_app.core.calls import CallState
from stream_app.core.clock import PartitionClock
from stream_app.core.identity import AliasState
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.pipeline.join import JoinPartition
from stream_app.runtime import questions
from stream_app.runtime.admin import changelog_name
from stream_app.runtime.client import read_topic
from stream_app.runtime.memory_rows import MemoryRows
from stream_app.runtime.progress import PROGRESS
from stream_app.runtime.replay import LocalRows
from stream_app.settings import Settings, StageName
from stream_app.topics import PACKETS


@dataclass(frozen=True)
class JoinMemory:
    """The join's rows: calls by ID, with the partition they live in; each partition's clock; the policies."""

    calls: dict[str, CallState]
    partition_of: dict[str, int]
    clocks: dict[int, PartitionClock]
    policies: dict[str, Policy]
    active: dict[int, str]


async def _latest(settings: Settings, stage: str, table: str) -> dict[tuple[int, bytes], bytes]:
    name = changelog_name(settings, stage, table).removeprefix(settings.topic_prefix)
    rows: dict[tuple[int, bytes], bytes] = {}
    async for record in read_topic(settings, name):
        key = (record.partition, record.key or b"")
        if key[1].startswith(PROGRESS):
            continue  # How far a lane has come: the engine's own, no stage's.
        if record.value is None:
            rows.pop(key, None)
        else:
            rows[key] = record.value
    return rows


async def read_join(settings: Settings) -> JoinMemory:
    """The join's memory as of now. Raises KafkaUnavailable, TopicAbsent."""
    memory = JoinMemory({}, {}, {}, {}, {})
    for (partition, key), row in (await _latest(settings, "join", "join")).items():
        name = key.decode()
        if name.startswith("call:"):
            state = read_call(row)
            memory.calls[state.call_id] = state
            memory.partition_of[state.call_id] = partition
        elif name.startswith("clock/"):
            memory.clocks[partition] = PartitionClock.from_bytes(row)
        elif name.startswith("policy:"):
            policy = Policy.from_dict(read_json(row))
            memory.policies[policy.sha256] = policy
        elif name.startswith("active/"):
            memory.active[partition] = row.decode()
    return memory


class Remembered:
    """`whereabouts.Asked` without any worker: the same questions to the same rows, read from the changelogs."""

    unanswered: tuple[str, ...] = ()

    def __init__(self, identity: dict[int, MemoryRows], join: dict[int, MemoryRows], default_policy: Policy) -> None:
        self._identity = identity
        self._join = {
            partition: (rows, _stage(partition, rows, default_policy).view) for partition, rows in join.items()
        }
        self._sealed: dict[str, list[dict[str, Any]]] = {}

    @classmethod
    async def read(cls, settings: Settings, default_policy: Policy) -> Remembered:
        """All rows of identity and join, and what the packets say was sealed. Raises KafkaUnavailable, TopicAbsent."""
        made = cls(
            await _rows(settings, "identity", alias_rows.local_rows),
            await _rows(settings, "join", due_index.local_rows),
            default_policy,
        )
        async for record in read_topic(settings, PACKETS.name):
            packet = read_json(record.value or b"")
            shown = {key: packet[key] for key in ("packetId", "status", "manifestUri", "manifestHash")}
            made._sealed.setdefault(packet["canonicalCallId"], []).append(shown)
        return made

    async def ask(self, stage: StageName, question: Mapping[str, Any], keys: Iterable[str] | None) -> dict[int, Any]:
        """As `whereabouts.Asked`; of the sealed versions those that were published."""
        if stage == "seal":
            return {0: self._sealed.get(question["call"], [])}
        if stage == "identity":
            return questions.of_identity(self._identity, question)
        return await questions.of_join(self._join, question)


def _stage(partition: int, rows: MemoryRows, default_policy: Policy) -> JoinPartition:
    stage = JoinPartition(partition, rows, default_policy)
    stage.recover()
    return stage


async def _rows(settings: Settings, stage: str, local: LocalRows) -> dict[int, MemoryRows]:
    found: dict[int, MemoryRows] = {}
    for (partition, key), row in (await _latest(settings, stage, stage)).items():
        rows = found.setdefault(partition, MemoryRows())
        rows.write([(key, row), *local(key, row)])
    return found


async def read_identity(settings: Settings) -> dict[str, AliasState]:
    """Every alias that the identity stage knows, by `scheme:value`. Raises KafkaUnavailable, TopicAbsent."""
    rows = await _latest(settings, "identity", "identity")
    states = (AliasState.from_dict(read_json(row)) for (_, key), row in rows.items() if not is_account(key))
    return {state.alias: state for state in states}
