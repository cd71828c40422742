"""Providers' own records become evidence on its way, dead letters, or nothing; content is put away before."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from stream_app.core.events import Event
from stream_app.core.wire import write_json
from stream_app.pipeline import provider_records
from stream_app.pipeline.ports import NOTHING, Effects, Incoming, StoreError, StoreUnavailable
from stream_app.pipeline.provider_records import ContentRefused, ProviderIntake, part_of, read_record
from stream_app.providers.adapter import Normalised, Refused
from stream_app.providers.privacy import Screen
from tests.providers.trying import RECEIVED_MS, Trying

TOPICS = {"provider-records": None, "otlp_spans": "otel"}


class Store:
    """Puts content away, or fails as often as it was told to."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.kept: list[bytes | str | None] = []
        self.under_way = self.most = 0

    async def put_away(self, made: Normalised, _screen: Screen) -> tuple[Event, ...]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if self.failures:
            raise self.failures.pop(0)
        self.kept += [blob.content or blob.link for blob in made.blobs]
        return made.events


def decode(content: bytes) -> Any:
    """In place of protobuf: what is no JSON is read backwards."""
    if content.startswith(b"\x0a"):
        return json.loads(content[1:])
    raise Refused("not_readable", "no OTLP")


def record(value: bytes | None, *, topic: str = "provider-records", offset: int = 7, **headers: str) -> Incoming:
    named = tuple((name.replace("_", "-"), text.encode()) for name, text in headers.items())
    return Incoming(topic, 1, offset, RECEIVED_MS, b"key", value, named)


def folded(*records: Incoming, store: Store | None = None, max_bytes: int = 1 << 20) -> list[Effects]:
    intake = ProviderIntake(TOPICS, put_away=(store or Store()).put_away, decode=decode, max_bytes=max_bytes)
    asyncio.run(intake.prepare(records))
    return intake.fold(records)


def sent(effects: Effects) -> list[tuple[str, dict[str, Any]]]:
    return [(send.topic, json.loads(send.value or b"")) for send in effects.sends]


def letter(*records: Incoming, store: Store | None = None, max_bytes: int = 1 << 20) -> dict[str, Any]:
    (effects,) = folded(*records, store=store, max_bytes=max_bytes)
    ((topic, document),) = sent(effects)
    assert topic == "dead-letters"
    return document


def own(provider: str, name: str) -> bytes:
    return write_json(Trying(provider).own(name))


def test_the_events_of_a_payload_stand_where_it_stood_each_at_a_place_of_its_own() -> None:
    value = own("vapi", "end-of-call-report")
    (effects,) = folded(record(value, provider="vapi"))
    found = [one for topic, one in sent(effects) if topic in ("evidence", "identity") and "event" in one]
    expected = Trying("vapi").events(json.loads(value))
    parked = [one["event"] if "event" in one["event"] else one for one in found]
    assert [one["event"]["eventId"] for one in parked] == [one.event_id for one in expected]
    assert [one["position"] for one in parked] == [
        {"topic": part_of("provider-records", number), "partition": 1, "offset": 7} for number in range(len(expected))
    ]
    assert len(expected) > 1
    assert len({one["position"]["topic"] for one in parked}) == len(expected)


def test_content_is_put_away_before_the_fold() -> None:
    store = Store()
    folded(record(own("vapi", "end-of-call-report"), provider="vapi"), store=store)
    assert any(isinstance(one, bytes) and b"turns" in one for one in store.kept)


def test_the_same_record_again_sends_the_same() -> None:
    one = record(own("otel", "whole-trace"), topic="otlp_spans")
    assert folded(one) == folded(one)
    assert folded(one)[0].sends


def test_otlp_is_known_by_its_topic_and_read_from_either_encoding() -> None:
    value = own("otel", "whole-trace")
    plain = folded(record(value, topic="otlp_spans"))
    assert folded(record(b"\x0a" + value, topic="otlp_spans")) == plain
    assert folded(record(b"\x0a" + value, topic="otlp_spans", content_type="application/x-protobuf")) == [
        *folded(record(value, topic="otlp_spans", content_type="application/json; charset=utf-8"))
    ]


def test_a_form_is_read_as_one() -> None:
    form = {
        "CallSid": "CA" + "0" * 32, "AccountSid": "AC" + "0" * 32, "CallStatus": "completed", "CallDuration": "42",
        "Timestamp": "Sun, 20 Sep 2026 10:00:00 +0000", "SequenceNumber": "3",
    }  # fmt: skip
    value = urlencode(form).encode()
    (effects,) = folded(record(value, provider="twilio", content_type="application/x-www-form-urlencoded"))
    assert [one.get("alias") for _, one in sent(effects)] == ["twilioCallSid:CA" + "0" * 32]
    assert letter(record(value, provider="twilio"))["reason"] == "not_readable"
    bad = record(b"a=%ff", provider="twilio", content_type="application/x-www-form-urlencoded")
    assert letter(bad)["reason"] == "not_readable"


def test_a_cloud_event_in_binary_mode_is_read_with_its_headers() -> None:
    data = {"callId": "call-7", "endedAt": "2026-09-20T10:00:00Z", "durationMs": 1000}
    headers = (
        ("provider", b"cloudevents"), ("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/test"),
        ("ce_type", b"com.example.call.ended"), ("ce_time", b"2026-09-20T10:00:00Z"),
    )  # fmt: skip
    (effects,) = folded(Incoming("provider-records", 1, 7, RECEIVED_MS, None, write_json(data), headers))
    assert [(topic, one["canonicalCallId"]) for topic, one in sent(effects)] == [("evidence", "call-7")]
    bad = Incoming("provider-records", 1, 7, RECEIVED_MS, None, b"\xff", headers)
    assert letter(bad)["reason"] == "not_readable"


def test_what_says_nothing_of_any_call_leaves_nothing() -> None:
    one = record(own("otel", "requests-to-a-database"), topic="otlp_spans")
    assert folded(one) == [NOTHING]
    assert read_record(one, TOPICS, decode) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record(None, provider="vapi"), "tombstone"),
        (record(b"{}"), "unknown_provider"),
        (record(b"{}", provider="nobody"), "unknown_provider"),
        (record(b"{", provider="vapi"), "not_readable"),
        (record(b"{}", provider="vapi"), "unknown_shape"),
        (record(b"x", topic="otlp_spans"), "not_readable"),
        (record(b'{"a": "%s"}' % (b"x" * 2000), provider="vapi"), "oversize"),
        (record(own("vapi", "no-call"), provider="vapi"), "identity_missing"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_cannot_be_used_is_one_dead_letter_with_its_reason(bad: Incoming, reason: str) -> None:
    limit = 1000 if reason == "oversize" else 1 << 20
    found = letter(bad, max_bytes=limit)
    assert found["reason"] == reason
    assert found["position"] == {"topic": bad.topic, "partition": 1, "offset": 7}


def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_records, "FIRST_PAUSE_S", 0.001)
    store = Store()
    store.failures = [StoreUnavailable("s3://staging", "away")] * 3
    (effects,) = folded(record(own("vapi", "end-of-call-report"), provider="vapi"), store=store)
    assert effects.sends
    assert store.failures == []
    assert all(topic != "dead-letters" for topic, _ in sent(effects))


@pytest.mark.parametrize("error", [ContentRefused("no key"), StoreError("s3://staging", "denied")])
def test_content_that_cannot_be_kept_is_a_dead_letter_that_says_so(error: Exception) -> None:
    store = Store()
    store.failures = [error]
    found = letter(record(own("vapi", "end-of-call-report"), provider="vapi"), store=store)
    assert found["reason"] == "content_refused"
    assert "denied" not in found["detail"]  # Whatever a store quotes.


def test_few_records_are_worked_on_at_a_time_and_all_in_their_order() -> None:
    store = Store()
    value = own("vapi", "end-of-call-report")
    records = [record(value, offset=offset, provider="vapi") for offset in range(30)]
    effects = folded(*records, store=store)
    assert store.most == provider_records.AT_A_TIME
    first = [next(send for send in one.sends if send.topic in ("identity", "evidence")) for one in effects]
    assert len(first) == 30
