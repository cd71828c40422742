"""The only place where the identity stage turns folded aliases into records to write: one instance a partition."""

from __future__ import annotations

from typing import Literal

from pydantic import TypeAdapter, ValidationError

from stream_app.core import identity
from stream_app.core.alerts import RUNBOOKS
from stream_app.core.clock import PartitionClock, advance
from stream_app.core.deadlines import DeadlineWheel
from stream_app.core.evidence import ClockRecord, EventRecord
from stream_app.core.identities import HopDone, IdentityRecord, Link, Park
from stream_app.core.identity import AliasState, Claim, Resolution
from stream_app.core.orders import JoinAlert
from stream_app.core.policy import Policy
from stream_app.core.wire import WireError, read_json, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import Effects, Incoming, Outgoing, State
from stream_app.topics import EVIDENCE, IDENTITY

_ADAPTER: TypeAdapter[IdentityRecord] = TypeAdapter(IdentityRecord)


class IdentityPartition:
    """One partition of the `identity` topic with its rows (`scheme:value` -> AliasState)."""

    def __init__(self, partition: int, partitions: int, rows: State, policy: Policy) -> None:
        self._partition = partition
        self._partitions = partitions
        self._rows = rows
        self._policy = policy
        self._clock = PartitionClock()
        self._wheel = DeadlineWheel()

    def recover(self, rows: list[tuple[bytes, bytes]]) -> None:
        """Rebuild what is kept in memory: which parked aliases become orphans when."""
        for _, row in rows:
            self._arm(AliasState.from_dict(read_json(row)))

    def parked(self) -> int:
        """Aliases with parked events that are not orphans yet."""
        return len(self._wheel)

    def handle(self, incoming: Incoming) -> Effects:
        """Fold one record of the `identity` topic."""
        try:
            record = _ADAPTER.validate_python(read_json(incoming.value or b""))
        except (WireError, ValidationError):
            return Effects(
                sends=(outputs.dead_letter(incoming, "identity", "invalid_internal", "not an identity record"),)
            )
        match record:
            case ClockRecord():
                return self._pass_on(record)
            case HopDone():
                return Effects(receipts=(record.hop_id,))
            case Park():
                state = self._load(record.alias)
                return self._effects(state, identity.fold_park(state, record, self._clock.now), incoming)
            case Link():
                state = self._load(record.alias)
                return self._effects(state, identity.fold_link(state, record), incoming, answer=record)

    def _pass_on(self, record: ClockRecord) -> Effects:
        """The clock goes on to every evidence partition, but only in its turn; orphans that are due are named."""
        own = record.model_copy(update={"via": 0, "vias": 1})
        self._clock = advance(self._clock, own, self._policy.timing.max_hold)
        onward = record.model_copy(update={"via": self._partition, "vias": self._partitions}).to_bytes()
        sends: list[Outgoing] = []
        rows: list[tuple[bytes, bytes]] = []
        now = self._clock.now
        if now is not None:
            for alias in self._wheel.due(now):
                state = self._load(alias)
                orphan_at = None if state.since is None else state.since + self._policy.timing.orphan
                if orphan_at is None:
                    state = state.model_copy(update={"since": now})
                elif now >= orphan_at:
                    state = state.model_copy(update={"orphaned": True})
                    sends.append(_orphan_alert(state, orphan_at, "firing"))
                rows.append((alias.encode(), state.to_bytes()))
                self._arm(state)
        return Effects(
            sends=tuple(sends),
            rows=tuple(rows),
            in_turn=tuple(
                Outgoing(EVIDENCE.name, None, onward, partition=partition) for partition in range(self._partitions)
            ),
        )

    def _effects(
        self, before: AliasState, resolution: Resolution, incoming: Incoming, answer: Link | None = None
    ) -> Effects:
        state = resolution.state
        sends = [_evidence(event) for event in resolution.released]
        if before.orphaned and not state.orphaned:
            sends.append(_orphan_alert(before, incoming.timestamp_ms, "resolved"))
        for hop in resolution.hops:
            sends.append(
                Outgoing(
                    IDENTITY.name,
                    hop.alias.encode(),
                    hop.model_copy(update={"sent_from": self._partition}).to_bytes(),
                )
            )
        if resolution.refused is not None:
            sends.append(_conflict_alert(resolution.refused, incoming.timestamp_ms))
            if resolution.refused_event is not None:
                event = resolution.refused_event
                sends.append(
                    outputs.dead_letter(
                        incoming,
                        "identity",
                        "identity_conflict",
                        f"{resolution.refused.alias} already names another call",
                        position=event.position,
                        received_at=event.received_at,
                        value=write_json(event.event),
                    )
                )
        then: tuple[Outgoing, ...] = ()
        if answer is not None and answer.sent_from is not None:
            receipt = HopDone(hop_id=identity.hop_id(answer))
            then = (Outgoing(IDENTITY.name, answer.alias.encode(), receipt.to_bytes(), partition=answer.sent_from),)
        self._arm(state)
        return Effects(
            sends=tuple(sends),
            rows=((state.alias.encode(), state.to_bytes()),),
            expects=tuple(identity.hop_id(hop) for hop in resolution.hops),
            then=then,
        )

    def _load(self, alias: str) -> AliasState:
        row = self._rows.get(alias.encode())
        return AliasState(alias=alias) if row is None else AliasState.from_dict(read_json(row))

    def _arm(self, state: AliasState) -> None:
        waiting = bool(state.parked) and not state.orphaned
        due = None if not waiting else 0 if state.since is None else state.since + self._policy.timing.orphan
        self._wheel.arm(state.alias, due)


def _evidence(event: EventRecord) -> Outgoing:
    return Outgoing(EVIDENCE.name, event.canonical_call_id.encode(), event.to_bytes())


def _orphan_alert(state: AliasState, at: int, standing: Literal["firing", "resolved"]) -> Outgoing:
    waited = "wait" if standing == "firing" else "waited"
    linked = "nothing has linked" if standing == "firing" else "is now linked"
    alert = JoinAlert(
        alert_id=f"{state.alias}/orphan/1",
        kind="orphan",
        state=standing,
        raised_at=at,
        since=state.since if state.since is not None else at,
        runbook_url=RUNBOOKS["orphan"],
        detail=f"{len(state.parked)} events {waited} at an alias that {linked} to a call",
    )
    return outputs.alert(alert, "identity", state.alias)


def _conflict_alert(claim: Claim, at: int) -> Outgoing:
    alert = JoinAlert(
        alert_id=f"{claim.alias}/identity_conflict/{claim.claimed_by}",
        kind="identity_conflict",
        state="firing",
        raised_at=at,
        canonical_call_id=claim.owner,
        since=at,
        runbook_url=RUNBOOKS["identity_conflict"],
        detail=f"{claim.alias} belongs to {claim.owner}; {claim.said_by} claims it for {claim.claimed_by}",
    )
    return outputs.alert(alert, "identity", claim.owner)
