"""What the stages leave behind, made by hand: changelog rows, dead letters, orders and packets for a deployment."""

from __future__ import annotations

from stream_app.core.call_rows import write_call
from stream_app.core.calls import CallState
from stream_app.core.clock import PartitionClock
from stream_app.core.dead_letters import DeadLetterReason
from stream_app.core.evidence import AcceptedEvent, ClockRecord, PolicyActivated, Position
from stream_app.core.identity import AliasState
from stream_app.core.orders import Item, SealOrder
from stream_app.core.packet import Packet
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.topics import PACKETS, SEAL_ORDERS
from tests.deployments import Deployment
from tests.examples import CONTRACT


def at(item: Item, position: Position) -> Item:
    """The item, read at this position."""
    return item.model_copy(update={"position": position})


def accepted(item: Item) -> AcceptedEvent:
    """The item before it is known whose it is."""
    return AcceptedEvent(
        position=item.position, received_at=item.received_at, digest=item.digest, event=item.event
    )  # fmt: skip


def call_row(line: Deployment, state: CallState, partition: int = 0) -> Outgoing:
    """A call in the join's changelog."""
    topic = line.changelog("join", "join")
    return Outgoing(topic, b"call:" + state.call_id.encode(), write_call(state), partition=partition)


def forgotten_row(line: Deployment, call_id: str, partition: int = 0) -> Outgoing:
    """The tombstone of a call."""
    return Outgoing(line.changelog("join", "join"), b"call:" + call_id.encode(), None, partition=partition)


def clock_row(line: Deployment, now: int, partition: int = 0) -> Outgoing:
    """The join's time in a partition."""
    topic = line.changelog("join", "join")
    made = PartitionClock()
    made.now, made.unread = now, ("tool-call/1",)
    value = made.to_bytes()
    return Outgoing(topic, f"clock/{partition}".encode(), value, partition=partition)


def policy_rows(line: Deployment, policy: Policy, partition: int = 0) -> tuple[Outgoing, Outgoing]:
    """A policy, and that it is the one in force."""
    topic = line.changelog("join", "join")
    key = f"policy:{policy.sha256}/{partition}".encode()
    return (
        Outgoing(topic, key, write_json(policy.to_dict()), partition=partition),
        Outgoing(topic, f"active/{partition}".encode(), policy.sha256.encode(), partition=partition),
    )


def alias_row(line: Deployment, state: AliasState) -> Outgoing:
    """An alias in the identity stage's changelog."""
    return Outgoing(line.changelog("identity", "identity"), state.alias.encode(), state.to_bytes())


def dead_letter(
    position: Position, reason: DeadLetterReason = "not_json", stage: outputs.Stage = "intake", value: bytes = b"{"
) -> Outgoing:
    """A record at this position that could not be used."""
    record = Incoming(position.topic, position.partition, position.offset, 1_780_512_000_000, b"k", value)
    return outputs.dead_letter(record, stage, reason, "made by hand")


def order_record(order: SealOrder) -> Outgoing:
    """An order, as the join sends it."""
    return Outgoing(SEAL_ORDERS.name, order.canonical_call_id.encode(), order.to_bytes())


def packet(packet_id: str, **fields: object) -> Packet:
    """The contract's packet under another ID; the call is what stands before the slash."""
    document = read_json((CONTRACT / "packet.json").read_bytes())
    document["policy"]["sha256"] = "0" * 64
    call_id, _, version = packet_id.partition("/")
    return Packet.from_dict(
        {**document, "packetId": packet_id, "canonicalCallId": call_id, "version": int(version), **fields}
    )


def packet_record(one: Packet) -> Outgoing:
    """A packet, as the seal stage publishes it."""
    return Outgoing(PACKETS.name, one.canonical_call_id.encode(), one.to_bytes())


def activation(policy: Policy) -> bytes:
    """The record that puts a policy in force."""
    return PolicyActivated(sha256=policy.sha256, policy=policy.to_dict()).to_bytes()


def clock(topics: tuple[str, ...], now: int) -> bytes:
    """A clock record of one identity partition: these topics, of one partition each, were read up to `now`."""
    return ClockRecord(
        via=0,
        worker="test",
        read_up_to={f"{topic}/0": now for topic in topics},
        sources=dict.fromkeys(topics, 1),
        vias=1,
    ).to_bytes()
