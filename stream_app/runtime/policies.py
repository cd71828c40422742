"""The only place that activates a policy: one record in every evidence partition, from which on it is in force."""

from __future__ import annotations

from stream_app.core.evidence import PolicyActivated
from stream_app.core.policy import Policy
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.client import Publisher, read_topic
from stream_app.settings import Settings
from stream_app.topics import EVIDENCE

RECENT_RECORDS = 20_000
"""How far back in each partition a policy record is looked for. Days of clocks and evidence would take minutes to read,
and one that is not found is only written again: the join takes the same policy twice without a difference."""


async def active(settings: Settings) -> dict[int, str]:
    """Partition -> SHA-256 of its newest policy record, where it is recent. Raises KafkaUnavailable, TopicAbsent."""
    newest: dict[int, str] = {}
    async for record in read_topic(settings, EVIDENCE.name, start=RECENT_RECORDS):
        if b'"policy-activated"' in (record.value or b""):  # Cheap look before the parse: nearly all are not.
            try:
                document = read_json(record.value or b"")
            except WireError:
                continue
            if document.get("record") == "policy-activated":
                newest[record.partition] = document["sha256"]
    return newest


async def activate(settings: Settings, policy: Policy) -> int:
    """Write the policy where another (or none recent) is found; returns in how many partitions it was written."""
    in_force = await active(settings)
    value = PolicyActivated(sha256=policy.sha256, policy=policy.to_dict()).to_bytes()
    missing = [p for p in range(settings.internal_partitions) if in_force.get(p) != policy.sha256]
    async with Publisher(settings) as publisher:
        await publisher.send_all([Outgoing(EVIDENCE.name, None, value, partition=partition) for partition in missing])
    return len(missing)
