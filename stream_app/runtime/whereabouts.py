"""The only place that finds a call by any of its names, from the changelogs and the packets topic."""

from __future__ import annotations

from typing import Any

from stream_app.core.explanation import explain
from stream_app.core.identity import AliasState
from stream_app.core.policy import Policy
from stream_app.core.standing import View
from stream_app.core.wire import read_json
from stream_app.runtime import changelogs
from stream_app.runtime.client import read_topic
from stream_app.settings import Settings
from stream_app.topics import PACKETS


async def find(settings: Settings, name: str, default_policy: Policy) -> dict[str, Any] | None:
    """What is known of the call with this canonical ID or alias (`scheme:value`, or the value alone); None: nothing.

    Raises KafkaUnavailable, TopicAbsent.
    """
    aliases = await changelogs.read_identity(settings)
    memory = await changelogs.read_join(settings)
    named = [alias for alias in aliases.values() if name in (alias.alias, alias.alias.partition(":")[2])]
    call_id = name if name in memory.calls else next((a.canonical_call_id for a in named if a.canonical_call_id), None)
    if call_id is None or call_id not in memory.calls:
        return _only_alias(named, call_id)
    partition = memory.partition_of[call_id]
    clock = memory.clocks.get(partition)
    active = memory.policies.get(memory.active.get(partition, ""), default_policy)
    view = View(
        now=clock.now if clock else None,
        active=active,
        policies=memory.policies,
        unread=clock.unread if clock else (),
    )
    found = explain(memory.calls[call_id], view)
    found["partition"] = partition
    found["saidBy"] = {alias.alias: alias.said_by for alias in aliases.values() if alias.canonical_call_id == call_id}
    found["packets"] = await _packets(settings, call_id)
    return found


def _only_alias(named: list[AliasState], call_id: str | None) -> dict[str, Any] | None:
    if not named:
        return None
    return {
        "canonicalCallId": call_id,
        "aliases": [alias.alias for alias in named],
        "linkedTo": sorted({edge for alias in named for edge in alias.edges}),
        "parked": [
            {"eventId": event.event["eventId"], "type": event.event["type"], "position": event.position.key()}
            for alias in named
            for event in alias.parked
        ],
        "verdict": "an alias that nothing has linked to a call yet"
        if call_id is None
        else "the call is no longer in the join's memory, or has no evidence yet",
    }


async def _packets(settings: Settings, call_id: str) -> list[dict[str, Any]]:
    found = []
    async for record in read_topic(settings, PACKETS.name):
        if record.key == call_id.encode():
            packet = read_json(record.value or b"")
            found.append({key: packet[key] for key in ("packetId", "status", "manifestUri", "manifestHash")})
    return found
