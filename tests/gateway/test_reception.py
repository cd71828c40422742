"""The order of a webhook's steps: nothing is read before it is authentic, nothing acknowledged before it is ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.gateway import reception
from stream_app.gateway.reception import record_of
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming, StoreUnavailable
from tests.gateway.receiving import NOW_MS, World, payload, webhook
from tests.providers.trying import Trying


def test_an_authentic_webhook_is_confirmed_and_staged_before_it_is_acknowledged() -> None:
    world = World()
    (answer,) = world.receive(webhook(payload()))
    assert (answer.outcome, answer.status) == ("accepted", 200)
    written = [json.loads(record.value or b"") for record in world.writer.written]
    assert tuple(one["eventId"] for one in written) == answer.event_ids
    assert world.store is not None
    (transcript,) = [one for one in written if one.get("artifact") == "transcript"]
    assert transcript["reference"]["uri"] in world.store.objects


def test_records_are_what_intake_takes() -> None:
    for event in Trying("vapi").events(Trying("vapi").own("end-of-call-report")):
        record = record_of(event)
        effects = Intake(1 << 20).handle(Incoming(record.topic, 0, 0, NOW_MS, record.key, record.value, record.headers))
        assert {send.topic for send in effects.sends} <= {"evidence", "identity"}


def test_what_is_not_authentic_is_not_looked_into() -> None:
    world = World()
    forged, broken = webhook(payload(), secret="another"), webhook(None, secret="another", body=b"{")
    answers = world.receive(forged, broken)
    assert [(one.status, one.reason) for one in answers] == [(401, "wrong_signature")] * 2
    assert world.writer.written == []


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "not_readable"),
        (b"{}", 400, "unknown_shape"),
        (json.dumps(payload("call-ended-without-call")).encode(), 400, "identity_missing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(body: bytes, status: int, reason: str) -> None:
    (answer,) = World().receive(webhook(None, body=body))
    assert (answer.status, answer.reason) == (status, reason)


def test_what_says_nothing_is_acknowledged() -> None:
    world = World()
    (answer,) = world.receive(webhook(payload("custom-function")))
    assert (answer.status, answer.outcome) == (200, "nothing_to_report")
    assert world.writer.written == []


def test_the_very_same_delivery_is_acknowledged_once_more_and_written_once() -> None:
    world = World()
    first, again = world.receive(webhook(payload()), webhook(payload()))
    assert (first.outcome, again.outcome, again.status) == ("accepted", "duplicate", 200)
    assert len(world.writer.written) == len(first.event_ids)


def test_what_was_not_confirmed_is_not_remembered() -> None:
    world = World()
    world.writer.away = True
    (failed,) = world.receive(webhook(payload()))
    assert (failed.status, failed.reason) == (503, "broker_unavailable")
    world.writer.away = False
    (again,) = world.receive(webhook(payload()))
    assert again.outcome == "accepted"


def test_a_store_that_is_away_is_no_success_and_writes_no_event() -> None:
    world = World()
    assert world.store is not None
    world.store.fail("s3://staging", StoreUnavailable)
    (answer,) = world.receive(webhook(payload()))
    assert (answer.status, answer.reason) == (503, "store_unavailable")
    assert world.writer.written == []


def test_content_without_a_key_for_it_is_said_and_nothing_written() -> None:
    world = World(store=None)
    (answer,) = world.receive(webhook(payload()))
    assert (answer.status, answer.reason) == (503, "staging_not_configured")
    assert world.writer.written == []


def test_a_broker_that_is_slow_is_not_waited_for_longer_than_the_provider_waits() -> None:
    world = World(within_s=0.05)
    world.writer.pause_s, world.writer.away = 10, True
    (answer,) = world.receive(webhook(payload()))
    assert answer.status == 503


def test_a_large_body_is_read_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "BESIDE_BYTES", 1)
    (answer,) = World().receive(webhook(payload()))
    assert answer.outcome == "accepted"


def test_an_event_that_no_topic_takes_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    sizes: dict[str, Any] = dict.fromkeys(reception._LARGEST, 4200)
    monkeypatch.setattr(reception, "_LARGEST", sizes)
    (answer,) = world.receive(webhook(payload()))
    assert (answer.status, answer.reason) == (413, "event_too_large")
    assert world.writer.written == []
