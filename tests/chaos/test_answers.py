"""What waits until something was seen is sent when it was, and its time has come; what only resolves is no news."""

from __future__ import annotations

import json
from typing import Any

from tests.chaos.answers import Answers, name_in
from tests.chaos.reading import Record
from tests.chaos.story import Plan, Send


def record(topic: str, **document: Any) -> Record:
    return Record(topic, 0, 0, 0, b"k", json.dumps(document).encode(), {})


def test_what_was_seen_is_a_packet_or_an_alert_that_fires() -> None:
    assert name_in(record("packets", packetId="call/1", state="firing")) == "call/1"
    assert name_in(record("join-alerts", alertId="a:b/identity_conflict/other", state="firing")) is not None
    assert name_in(record("join-alerts", alertId="a:b/identity_conflict/other", state="resolved")) is None


def test_nothing_is_sent_before_it_was_seen_or_before_its_time() -> None:
    timed, early, late, other = (
        Send(at, "tool-call", b"k", b"{}", after=after)
        for at, after in ((1, None), (5, "call/1"), (9, "call/1"), (1, "other/1"))
    )
    answers = Answers("nowhere:0", "", Plan([timed, early, late, other], {}, [], {}, set(), {}))
    assert answers.waiting == [early, late, other]
    assert answers.due(100) == []
    answers.seen.add("call/1")
    assert answers.due(4) == []
    assert answers.due(5) == [early]
    assert answers.due(9) == [early, late]
