"""The identity stage's alerts: one ID for one cause, and what a person needs to know in words."""

from __future__ import annotations

from stream_app.core.evidence import AcceptedEvent, Position
from stream_app.core.identity import Alias, Claim
from stream_app.core.identity_alerts import conflict_alert, orphan_alert
from stream_app.core.identity_records import PassingEvent

EVENT = PassingEvent.of(
    AcceptedEvent(
        position=Position(topic="tool-call", partition=1, offset=2), received_at=0, digest="0" * 64, event={"type": "x"}
    )
)


def test_an_orphan_and_its_end_are_one_alert() -> None:
    waiting = Alias("livekitRoom:r", parked=(EVENT, EVENT), since=5)
    firing, resolved = orphan_alert(waiting, 900, "firing"), orphan_alert(waiting, 950, "resolved")
    assert firing.alert_id == resolved.alert_id == "livekitRoom:r/orphan/1"
    assert (firing.state, firing.raised_at, firing.since) == ("firing", 900, 5)
    assert firing.detail == "2 events wait at an alias that nothing has linked to a call"
    assert resolved.detail == "2 events waited at an alias that is now linked to a call"
    assert orphan_alert(Alias("a:b"), 7, "firing").since == 7


def test_a_conflict_names_both_calls_and_who_claims() -> None:
    alert = conflict_alert(Claim("livekitRoom:r", "call-1", "call-2", "twilio"), 900)
    assert (alert.alert_id, alert.canonical_call_id) == ("livekitRoom:r/identity_conflict/call-2", "call-1")
    assert alert.detail == "livekitRoom:r belongs to call-1; twilio claims it for call-2"
    assert alert.runbook_url
    over = conflict_alert(Claim("livekitRoom:r", "call-1", "call-2", "operator/ada"), 950, "resolved")
    assert (over.alert_id, over.state) == (alert.alert_id, "resolved")
    assert over.detail == "operator/ada has said whose livekitRoom:r is"
