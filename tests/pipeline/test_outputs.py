"""Public records in their envelope: any CloudEvents reader takes them, and the same record has the same ID."""

from __future__ import annotations

from base64 import b64decode

import pytest

from stream_app.core import cloud_events
from stream_app.core.dead_letters import DeadLetter
from stream_app.core.evidence import Position
from stream_app.core.instants import parse_instant
from stream_app.core.orders import JoinAlert
from stream_app.pipeline import outputs
from stream_app.pipeline.ports import Incoming
from stream_app.topics import DEAD_LETTERS, JOIN_ALERTS

AT = 1_780_512_000_000
RECORD = Incoming("tool-call", 3, 77, AT, b"\x00key", b"\xff not json", (("h", b"\x01"), ("h", b"\x02")))
ALERT = JoinAlert(
    alert_id="call-ü/stuck/1", kind="stuck", state="firing", raised_at=AT + 1, since=AT,
    canonical_call_id="call-ü", runbook_url="docs/runbooks/stuck-join.md",
)  # fmt: skip


def test_a_public_record_is_a_cloudevent_in_binary_mode() -> None:
    sent = outputs.public("packets", "seal", key=b"k", value=b'{"a": 1}', event_id="call/1", subject="call", time_ms=AT)
    parsed = cloud_events.parse(sent.headers, sent.value)
    assert (sent.topic, sent.key, sent.value, sent.partition) == ("packets", b"k", b'{"a": 1}', None)
    assert parsed.mode == "binary"
    assert parsed.document == {"a": 1}
    assert parsed.attributes == {
        "specversion": "1.0",
        "id": "call/1",
        "source": "call-evidence-stream/seal",
        "type": "call-evidence-stream.packets.v1",
        "subject": "call",
        "time": "2026-06-03T18:40:00.000Z",
        "dataschema": "urn:call-evidence-stream:schema:packets:v1",
    }
    assert ("content-type", b"application/json") in sent.headers


def test_an_alert_is_keyed_by_what_it_is_about() -> None:
    sent = outputs.alert(ALERT, "join", "call-ü")
    parsed = cloud_events.parse(sent.headers, sent.value)
    assert (sent.topic, sent.key) == (JOIN_ALERTS.name, "call-ü".encode())
    assert JoinAlert.from_dict(parsed.document) == ALERT
    assert parsed.attributes["id"] == "call-ü/stuck/1/firing"
    assert parsed.attributes["subject"] == "call-ü"
    assert parse_instant(parsed.attributes["time"]) == AT + 1
    assert outputs.alert(ALERT, "join", "call-ü") == sent, "said again, it is the same event"
    over = outputs.alert(ALERT.model_copy(update={"state": "resolved"}), "join", "call-ü")
    assert cloud_events.parse(over.headers, over.value).attributes["id"] != parsed.attributes["id"]


def test_a_dead_letter_holds_the_record_whole() -> None:
    sent = outputs.dead_letter(RECORD, "intake", "not_json", "x" * 900)
    parsed = cloud_events.parse(sent.headers, sent.value)
    letter = DeadLetter.from_dict(parsed.document)
    assert (sent.topic, sent.key) == (DEAD_LETTERS.name, RECORD.key)
    assert letter.position == outputs.position_of(RECORD) == Position(topic="tool-call", partition=3, offset=77)
    assert letter.received_at == AT
    assert b64decode(letter.body or "") == RECORD.value
    assert b64decode(letter.key or "") == RECORD.key
    assert tuple((name, b64decode(value)) for name, value in letter.headers) == RECORD.headers
    assert letter.body_size_bytes == len(RECORD.value or b"")
    assert len(letter.detail) == 500
    assert parsed.attributes["subject"] == "tool-call/3/77"


@pytest.mark.parametrize("value", [None, b""])
def test_a_tombstone_and_an_empty_record_stay_apart(value: bytes | None) -> None:
    record = Incoming("call-ended", 0, 0, AT, None, value)
    sent = outputs.dead_letter(record, "intake", "tombstone" if value is None else "not_json", "x")
    letter = DeadLetter.from_dict(cloud_events.parse(sent.headers, sent.value).document)
    assert sent.key is None
    assert letter.key is None
    assert letter.body == (None if value is None else "")
    assert (letter.body_sha256 is None) == (value is None)


def test_the_same_dead_letter_has_the_same_id_and_another_one_another() -> None:
    def id_of(*, stage: outputs.Stage = "intake", offset: int = 77, reason: str = "not_json") -> str:
        record = Incoming("tool-call", 3, offset, AT, b"k", b"{")
        sent = outputs.dead_letter(record, stage, reason, "x")  # type: ignore[arg-type]
        return cloud_events.parse(sent.headers, sent.value).attributes["id"]

    assert id_of() == id_of()
    assert len({id_of(), id_of(stage="join"), id_of(offset=78), id_of(reason="tombstone")}) == 4


def test_an_inner_stage_names_the_input_it_stems_from() -> None:
    position = Position(topic="call-ended", partition=1, offset=5)
    inner = Incoming("identity", 0, 9, AT + 500, b"alias", b"{}")
    sent = outputs.dead_letter(
        inner, "identity", "identity_conflict", "x", position=position, received_at=AT, value=b'{"own": 1}'
    )
    letter = DeadLetter.from_dict(cloud_events.parse(sent.headers, sent.value).document)
    assert (letter.position, letter.received_at) == (position, AT)
    assert b64decode(letter.body or "") == b'{"own": 1}'
    assert sent.key == b"alias"
