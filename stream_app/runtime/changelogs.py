"""The only place that reads the tables' changelogs from outside: what every worker together remembers."""

from __future__ import annotations

from dataclasses import dataclass

from stream_app.core.call_rows import read_call
from stream_app.core.calls import CallState
from stream_app.core.clock import PartitionClock
from stream_app.core.identity import AliasState
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.runtime.admin import changelog_name
from stream_app.runtime.client import read_topic
from stream_app.runtime.progress import PROGRESS
from stream_app.settings import Settings


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


async def read_identity(settings: Settings) -> dict[str, AliasState]:
    """Every alias that the identity stage knows, by `scheme:value`. Raises KafkaUnavailable, TopicAbsent."""
    rows = await _latest(settings, "identity", "identity")
    states = (AliasState.from_dict(read_json(row)) for row in rows.values())
    return {state.alias: state for state in states}
