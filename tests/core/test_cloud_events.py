"""The envelope: what is written, the three forms that are read, and what is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from stream_app.core.cloud_events import EnvelopeError, event_type, headers, parse, schema_uri
from stream_app.core.wire import WireError

DOCUMENT = {"eventId": "evt-1", "endedAt": "2026-06-03T18:42:31.000Z"}
BODY = json.dumps(DOCUMENT).encode()
BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"evt-1"),
    ("ce_source", b"/voice/eu-1"),
    ("ce_type", b"com.example.call.ended.v1"),
    ("content-type", b"application/json"),
)
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def envelope(**changes: Any) -> bytes:
    document = {"specversion": "1.0", "id": "evt-1", "source": "/voice", "type": "ended", "data": DOCUMENT, **changes}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def test_written_headers_are_binary_mode_and_read_back() -> None:
    written = headers(
        type=event_type("packets"), source="call-evidence-stream/seal", id="call_1/1", subject="call_ü",
        time_ms=1_780_512_151_120, schema=schema_uri("packets"),
    )  # fmt: skip
    assert dict(written) == {
        "ce_specversion": b"1.0",
        "ce_id": b"call_1/1",
        "ce_source": b"call-evidence-stream/seal",
        "ce_type": b"call-evidence-stream.packets.v1",
        "ce_subject": "call_ü".encode(),
        "ce_time": b"2026-06-03T18:42:31.120Z",
        "ce_dataschema": b"urn:call-evidence-stream:schema:packets:v1",
        "content-type": b"application/json",
    }
    parsed = parse(written, BODY)
    assert (parsed.mode, parsed.document) == ("binary", DOCUMENT)
    assert parsed.attributes["subject"] == "call_ü"


def test_three_forms_give_the_same_document() -> None:
    binary, plain = parse(BINARY, BODY), parse((), BODY)
    structured = parse(STRUCTURED, envelope())
    encoded = parse(STRUCTURED, envelope(data=..., data_base64=b64encode(BODY).decode()))
    assert binary.document == structured.document == encoded.document == plain.document == DOCUMENT
    assert [one.mode for one in (binary, structured, encoded, plain)] == [
        "binary", "structured", "structured", "plain",
    ]  # fmt: skip
    assert binary.attributes["id"] == structured.attributes["id"] == "evt-1"
    assert plain.attributes == {}


@pytest.mark.parametrize(
    "extra",
    [(("Content-Type", b"application/json"),), (("traceparent", b"00-aa-bb-01"),), (("ce_traceparent", b"00-a"),)],
)
def test_headers_that_are_no_envelope_leave_plain_json(extra: tuple[tuple[str, bytes], ...]) -> None:
    assert parse(extra, BODY).mode == "plain"


def test_extension_attributes_are_text() -> None:
    parsed = parse(STRUCTURED, envelope(sequence=7, sampled=True, note=None, dataschema="urn:x"))
    assert parsed.attributes["sequence"] == "7"
    assert parsed.attributes["sampled"] == "true"
    assert "note" not in parsed.attributes


@pytest.mark.parametrize(
    ("given", "value", "told"),
    [
        ((("content-type", b"application/cloudevents-batch+json"),), b"[]", "batch"),
        ((("content-type", b"application/cloudevents+protobuf"),), b"x", "only JSON"),
        (STRUCTURED, b"[1]", "one JSON object"),
        (STRUCTURED, envelope(specversion="0.3"), "only 1.0"),
        (STRUCTURED, envelope(id=""), "'id'"),
        (STRUCTURED, envelope(type=...), "'type'"),
        (STRUCTURED, envelope(source={"a": 1}), "neither text"),
        (STRUCTURED, envelope(source=1.5), "neither text"),
        (STRUCTURED, envelope(data=...), "without data"),
        (STRUCTURED, envelope(data_base64="e30="), "both"),
        (STRUCTURED, envelope(data=..., data_base64="***"), "not base64"),
        (STRUCTURED, envelope(data=..., data_base64=5), "not text"),
        (STRUCTURED, envelope(datacontenttype="application/avro"), "only JSON"),
        (STRUCTURED, envelope(subject="a\nb"), "control"),
        ((*BINARY[1:], ("ce_specversion", b"2.0")), BODY, "only 1.0"),
        (BINARY[:1] + BINARY[2:], BODY, "'id'"),
        ((*BINARY, ("ce_id", b"evt-2")), BODY, "twice"),
        ((*BINARY, ("content-type", b"text/plain")), BODY, "several content-type"),
        ((*BINARY[:4], ("content-type", b"application/avro")), BODY, "only JSON"),
        ((*BINARY[:4], ("content-type", b"application/json; charset=latin-1")), BODY, "only UTF-8"),
        ((*BINARY, ("ce_subject", b"\xff")), BODY, "not UTF-8"),
    ],
)
def test_a_broken_envelope_is_named(given: tuple[tuple[str, bytes], ...], value: bytes, told: str) -> None:
    with pytest.raises(EnvelopeError, match=told) as caught:
        parse(given, value)
    assert caught.value.reason == "invalid_envelope"


def test_a_tombstone_has_its_own_reason() -> None:
    with pytest.raises(EnvelopeError) as caught:
        parse(BINARY, None)
    assert caught.value.reason == "tombstone"


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"{", "not_json"), (b'{"a":1,"a":2}', "duplicate_key"), (b'{"a":NaN}', "not_a_number"), (b"", "not_json")],
)
@pytest.mark.parametrize("given", [BINARY, STRUCTURED, ()])
def test_the_value_is_read_as_strictly_in_every_form(
    given: tuple[tuple[str, bytes], ...], value: bytes, reason: str
) -> None:
    with pytest.raises(WireError) as caught:
        parse(given, value)
    assert caught.value.reason == reason
