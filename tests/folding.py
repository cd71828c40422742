"""One call in the pure core: fold its events, let time pass, look at what was ordered and said."""

from __future__ import annotations

from typing import Any

from stream_app.core import join
from stream_app.core.calls import CallState
from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import EventRecord, Position, event_digest, reduce_event
from stream_app.core.evidence_records import Heard, read_record
from stream_app.core.judgement import Outcome
from stream_app.core.policy import Policy
from stream_app.core.standing import View
from stream_app.policy_file import default_policy
from tests.stories import START_MS

POLICY = default_policy()
MODELS = {model.TYPE: model for model in EVENT_TYPES}


def heard(record: EventRecord) -> Heard:
    """The record as the join reads it."""
    read = read_record(record.to_bytes())
    assert isinstance(read, Heard)
    return read


class Call:
    """Folds a call's events and lets time pass, collecting what comes out."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.state: CallState | None = None
        self.orders: list[dict[str, Any]] = []
        self.alerts: list[tuple[str, str]] = []
        self.dispositions: list[str | None] = []
        self.now: int | None = START_MS
        self.offset = 0
        self.unread: tuple[str, ...] = ()
        self.due: int | None = None

    def view(self) -> View:
        return View(self.now, self.policy, {self.policy.sha256: self.policy}, self.unread)

    def _take(self, outcome: Outcome) -> Call:
        self.state = outcome.state
        self.due = outcome.due
        self.orders += [order.model().to_dict() for order in outcome.orders]
        self.alerts += [(alert.alert_id, alert.state) for alert in outcome.alerts]
        return self

    def fold(self, *documents: dict[str, Any], received: int | None = None) -> Call:
        for document in documents:
            event = MODELS[document["type"]].from_dict(document)
            record = EventRecord(
                canonical_call_id="call-1",
                position=Position(topic=event.TYPE, partition=0, offset=self.offset),
                received_at=received if received is not None else max(self.now or 0, event.occurred_at),
                digest=event_digest(event),
                event=reduce_event(event),
            )
            outcome = join.fold_event(self.state, heard(record), self.view())
            self.offset += 1
            self.dispositions.append(outcome.disposition)
            self._take(outcome)
        return self

    def time(self, ms: int) -> Call:
        """Let the join's time reach `ms` after the call's end."""
        self.now = START_MS + ms
        if self.state is not None:
            self._take(join.pass_time(self.state, self.view()))
        return self

    def missing(self) -> list[tuple[str, str]]:
        return [(gap["kind"], gap["reason"]) for gap in self.orders[-1]["missing"]]


def content(order: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on the order of arrival: all but version, predecessor, positions and receipt times."""
    kept = {
        key: value for key, value in order.items() if key not in ("version", "orderId", "supersedes", "completedBy")
    }
    kept["items"] = [
        {key: value for key, value in item.items() if key not in ("position", "receivedAt")} for item in order["items"]
    ]
    kept["conflicts"] = [{**conflict, "positions": []} for conflict in order["conflicts"]]
    return kept
