"""Every kind of record that must do no harm: for intake alone, for the line in memory, and for the real broker."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests import stories


@dataclass(frozen=True)
class BadRecord:
    """One record and the dead letter it must become."""

    name: str
    reason: str
    value: bytes | None
    topic: str = "call-ended"
    headers: tuple[tuple[str, bytes], ...] = field(default=())


def _with(**fields: Any) -> bytes:
    return json.dumps({**stories.call_ended("bad"), **fields}).encode()


def _without(*names: str, **fields: Any) -> bytes:
    document = {**stories.call_ended("bad"), **fields}
    return json.dumps({name: value for name, value in document.items() if name not in names}).encode()


_GOOD = json.dumps(stories.call_ended("bad"))
_STRUCTURED = (("content-type", b"application/cloudevents+json"),)

BAD_INPUT: tuple[BadRecord, ...] = (
    BadRecord("not-json", "not_json", b"{not json"),
    BadRecord("empty", "not_json", b""),
    BadRecord("not-utf-8", "not_json", b'{"a": "\xff\xfe"}'),
    BadRecord("deep-nesting", "not_json", b"[" * 200_000 + b"]" * 200_000),
    BadRecord("endless-integer", "not_json", b'{"a": ' + b"9" * 6000 + b"}"),
    BadRecord("not-an-object", "not_an_object", b"[1, 2]"),
    BadRecord("tombstone", "tombstone", None),
    BadRecord("five-megabytes", "oversize", _with(queue="x" * (5 << 20))),
    BadRecord("duplicate-key", "duplicate_key", _GOOD[:-1].encode() + b', "eventId": "other"}'),
    BadRecord("nan", "not_a_number", _GOOD[:-1].encode() + b', "measures": {"minAsrConfidence": NaN}}'),
    BadRecord("infinity", "not_a_number", _GOOD[:-1].encode() + b', "x": 1e999}'),
    BadRecord("nul-byte", "invalid_text", b'{"a": "\x00"}'),
    BadRecord("escaped-nul", "invalid_text", _with(queue="a\x00b")),
    BadRecord("lone-surrogate", "invalid_text", _GOOD[:-1].encode() + b', "queue": "\\ud800"}'),
    BadRecord("surrogate-in-a-key", "invalid_text", _GOOD[:-1].encode() + b', "\\udfff": 1}'),
    BadRecord("unknown-version", "unknown_schema_version", _with(schemaVersion=99)),
    BadRecord("version-as-text", "unknown_schema_version", _with(schemaVersion="1")),
    BadRecord("version-as-list", "unknown_schema_version", _with(schemaVersion=[1])),
    BadRecord("no-version", "unknown_schema_version", _without("schemaVersion")),
    BadRecord("unknown-type", "unknown_type", _with(type="call-started")),
    BadRecord("type-as-object", "unknown_type", _with(type={})),
    BadRecord("wrong-topic", "wrong_topic", _GOOD.encode(), "tool-call"),
    BadRecord("wrong-field-type", "invalid_event", _with(durationMs="long")),
    BadRecord("number-as-text", "invalid_event", _with(channels="2")),
    BadRecord("negative", "invalid_event", _with(durationMs=-1)),
    BadRecord("naive-time", "invalid_event", _with(endedAt="2026-06-03T18:40:00")),
    BadRecord("no-end", "invalid_event", _without("endedAt")),
    BadRecord("control-character-in-id", "invalid_event", _with(canonicalCallId="a\nb")),
    BadRecord("no-identity", "identity_missing", _without("canonicalCallId")),
    BadRecord("empty-aliases", "identity_missing", _without("canonicalCallId", aliases={})),
    BadRecord(
        "two-trace-ids", "identity_conflict", _with(traceId="ab" * 16, aliases={"traceId": "cd" * 16})
    ),
    BadRecord("batch", "invalid_envelope", b"[]", headers=(("content-type", b"application/cloudevents-batch+json"),)),
    BadRecord("structured-without-id", "invalid_envelope", b'{"specversion": "1.0"}', headers=_STRUCTURED),
    BadRecord(
        "binary-of-another-version", "invalid_envelope", _GOOD.encode(),
        headers=(("ce_specversion", b"0.3"), ("ce_id", b"x"), ("ce_source", b"s"), ("ce_type", b"t")),
    ),
)  # fmt: skip
