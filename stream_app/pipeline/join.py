"""The only place where the join stage turns folded calls into records to write: one instance an evidence partition."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from stream_app.core import join
from stream_app.core.calls import CallState
from stream_app.core.clock import PartitionClock, advance
from stream_app.core.deadlines import DeadlineWheel
from stream_app.core.evidence import ClockRecord, EventRecord, EvidenceRecord, PolicyActivated
from stream_app.core.judgement import Outcome
from stream_app.core.policy import Policy
from stream_app.core.standing import View
from stream_app.core.wire import WireError, read_json, write_json
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import Effects, Incoming, Outgoing, State
from stream_app.topics import SEAL_ORDERS

_ADAPTER: TypeAdapter[EvidenceRecord] = TypeAdapter(EvidenceRecord)
_CALL = b"call:"
_POLICY = b"policy:"
_CLOCK = b"clock"
_ACTIVE = b"active"

Observer = Callable[[Outcome, EventRecord | None], None]


class JoinPartition:
    """One partition of `evidence`: its calls' rows, its clock, its policies, its wheel of deadlines."""

    def __init__(self, partition: int, rows: State, default_policy: Policy, observe: Observer | None = None) -> None:
        self._rows = rows
        self._suffix = f"/{partition}".encode()
        """Rows that every partition has carry its number, so that no cache can mix them up."""
        self._clock = PartitionClock()
        self._policies: dict[str, Policy] = {default_policy.sha256: default_policy}
        self._active = default_policy
        self._wheel = DeadlineWheel()
        self._open: dict[str, int] = {}
        """Calls that wait for evidence -> their end, ms."""
        self._observe = observe

    def recover(self, rows: list[tuple[bytes, bytes]]) -> None:
        """Rebuild clock, policies and wheel from the partition's rows."""
        calls = []
        active = None
        for key, row in rows:
            if key.startswith(_CALL):
                calls.append(row)
            elif key == _CLOCK + self._suffix:
                self._clock = PartitionClock.from_dict(read_json(row))
            elif key == _ACTIVE + self._suffix:
                active = row.decode()
            elif key.startswith(_POLICY):
                policy = Policy.from_dict(read_json(row))
                self._policies[policy.sha256] = policy
        if active is not None:
            self._active = self._policies[active]
        for row in calls:
            # Due at once: the first clock record looks at each call and arms its real timer.
            self._wheel.arm(CallState.from_dict(read_json(row)).call_id, 0)

    @property
    def now(self) -> int | None:
        """The join's time in this partition, ms."""
        return self._clock.now

    def open_calls(self) -> tuple[int, int | None]:
        """How many calls wait for evidence before their deadline, and the end of the oldest, ms."""
        return len(self._open), min(self._open.values(), default=None)

    def handle(self, incoming: Incoming) -> Effects:
        """Fold one record of the `evidence` topic."""
        try:
            record = _ADAPTER.validate_python(read_json(incoming.value or b""))
        except (WireError, ValidationError):
            return Effects(sends=(outputs.dead_letter(incoming, "join", "invalid_internal", "not an evidence record"),))
        match record:
            case EventRecord():
                outcome = join.fold_event(self._load(record.canonical_call_id), record, incoming.offset, self._view())
                if self._observe:
                    self._observe(outcome, record)
                return self._effects(record.canonical_call_id, outcome)
            case ClockRecord():
                return self._tick(record)
            case PolicyActivated():
                return self._activate(record, incoming)

    def _tick(self, record: ClockRecord) -> Effects:
        before = self._clock
        self._clock = advance(before, record, self._active.timing.max_hold)
        if self._clock == before:
            return Effects()
        effects = []
        if self._clock.now is not None and self._clock.now != before.now:
            view = self._view()
            for call_id in self._wheel.due(self._clock.now):
                state = self._load(call_id)
                if state is None:
                    self._wheel.arm(call_id, None)
                    continue
                outcome = join.pass_time(state, view)
                if self._observe:
                    self._observe(outcome, None)
                effects.append(self._effects(call_id, outcome, before=state))
        clock_row = (_CLOCK + self._suffix, self._clock.to_bytes())
        return _merge([*effects, Effects(rows=(clock_row,))])

    def _activate(self, record: PolicyActivated, incoming: Incoming) -> Effects:
        try:
            policy = Policy.from_dict(record.policy)
        except ValidationError:
            return Effects(sends=(outputs.dead_letter(incoming, "join", "invalid_internal", "not an evidence record"),))
        self._policies[policy.sha256] = policy
        self._active = policy
        return Effects(
            rows=(
                (_POLICY + policy.sha256.encode() + self._suffix, write_json(policy.to_dict())),
                (_ACTIVE + self._suffix, policy.sha256.encode()),
            )
        )

    def _view(self) -> View:
        return View(now=self._clock.now, active=self._active, policies=self._policies, unread=self._clock.unread)

    def _load(self, call_id: str) -> CallState | None:
        row = self._rows.get(_CALL + call_id.encode())
        return None if row is None else CallState.from_dict(read_json(row))

    def _effects(self, call_id: str, outcome: Outcome, before: CallState | None = None) -> Effects:
        key = call_id.encode()
        self._wheel.arm(call_id, outcome.due)
        if outcome.disposition not in ("duplicate", "repeat"):  # Those judge nothing, so they say nothing new.
            if outcome.open_since is None:
                self._open.pop(call_id, None)
            else:
                self._open[call_id] = outcome.open_since
        sends = [Outgoing(SEAL_ORDERS.name, key, order.to_bytes()) for order in outcome.orders]
        sends += [outputs.alert(alert, "join", call_id) for alert in outcome.alerts]
        if outcome.state is None:
            return Effects(tuple(sends), ((_CALL + key, None),))
        if before is not None and outcome.state == before:
            return Effects(tuple(sends))
        return Effects(tuple(sends), ((_CALL + key, outcome.state.to_bytes()),))


def _merge(effects: list[Effects]) -> Effects:
    return Effects(
        sends=tuple(send for effect in effects for send in effect.sends),
        rows=tuple(row for effect in effects for row in effect.rows),
    )
