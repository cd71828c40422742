"""The only place for the CloudEvents 1.0 envelope over Kafka: headers we write, and the three forms we read.

Sources: CloudEvents 1.0.2, its JSON event format, its Kafka protocol binding. Written is binary mode only: the value
is the plain document, the attributes are `ce_` headers. Read are binary mode, structured mode (JSON format) and plain
JSON with no envelope at all. A batch is refused: one record is one event, or its position could not be accounted for.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from functools import lru_cache
from typing import Literal

import msgspec

from stream_app.core.instants import format_instant
from stream_app.core.wire import Json, WireError, read_json

Headers = tuple[tuple[str, bytes], ...]
Mode = Literal["binary", "structured", "plain"]

SOURCE = "call-evidence-stream"
"""`ce_source` of everything this software writes, followed by `/` and the stage."""

REQUIRED_ATTRIBUTES = ("specversion", "id", "source", "type")
_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class EnvelopeError(WireError):
    """Headers or an envelope that are not a CloudEvent we read; `reason` is `invalid_envelope` or `tombstone`."""

    def __init__(self, detail: str, reason: str = "invalid_envelope") -> None:
        super().__init__(reason, detail)


class Parsed(msgspec.Struct, frozen=True):
    """One record without its envelope. `attributes` are the CloudEvents attributes by name, empty for plain JSON."""

    mode: Mode
    document: Json
    text: bytes
    """The JSON that the document was read from, or what it is a part of."""
    attributes: dict[str, str] = msgspec.field(default_factory=dict)


def event_type(topic: str, version: int = 1) -> str:
    """`ce_type` of the records on one of our output topics: `call-evidence-stream.packets.v1`."""
    return f"{SOURCE}.{topic}.v{version}"


def schema_uri(topic: str, version: int = 1) -> str:
    """`ce_dataschema` of the records on one of our output topics; the `$id` of `schemas/<topic>.v<n>.json`."""
    return f"urn:{SOURCE}:schema:{topic}:v{version}"


def headers(*, type: str, source: str, id: str, subject: str, time_ms: int, schema: str) -> Headers:
    """Kafka headers of one event in binary mode; `time_ms` is written as RFC 3339."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_source": source,
        "ce_type": type,
        "ce_subject": subject,
        "ce_time": format_instant(time_ms),
        "ce_dataschema": schema,
        "content-type": "application/json",
    }
    return tuple((name, value.encode()) for name, value in attributes.items())


def parse(headers: Headers, value: bytes | None) -> Parsed:
    """The JSON document that a record carries, whatever form of envelope it came in.

    Raises EnvelopeError (`invalid_envelope`, `tombstone`) or WireError with `wire.read_json`'s reasons.
    """
    if value is None:
        raise EnvelopeError("the record has no value", "tombstone")
    if not headers:
        return Parsed("plain", read_json(value), value)
    media_type = _media_type(_content_type(headers))
    if media_type.startswith(_BATCH):
        raise EnvelopeError("a batch of CloudEvents; send one event a record")
    if media_type.startswith(_STRUCTURED):
        if media_type not in (_STRUCTURED, f"{_STRUCTURED}+json"):
            raise EnvelopeError(f"CloudEvents format {media_type!r}; only JSON is read")
        return _structured(value)
    attributes = _binary_attributes(headers)
    if "specversion" not in attributes:
        return Parsed("plain", read_json(value), value)
    _check_attributes(attributes)
    _check_json(media_type)
    return Parsed("binary", read_json(value), value, attributes)


def _content_type(headers: Headers) -> str:
    """The content-type header; its name in any case, since producers differ, but one value only."""
    found = {_text(name, content) for name, content in headers if len(name) == 12 and name.lower() == "content-type"}
    if len(found) > 1:
        raise EnvelopeError("several content-type headers that differ")
    return found.pop() if found else ""


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> str:
    """`application/json; charset=UTF-8` -> `application/json`; any charset but UTF-8 is refused."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip(' "') not in ("utf-8", "utf8", "us-ascii"):
            raise EnvelopeError(f"charset {charset!r}; only UTF-8 is read")
    return media_type


def _check_json(media_type: str) -> None:
    """Data without a stated media type is JSON, as the specification says."""
    if media_type not in ("", "application/json", "text/json") and not media_type.endswith("+json"):
        raise EnvelopeError(f"data of media type {media_type!r}; only JSON is read")


def _text(name: str, content: bytes | None) -> str:
    try:
        return (content or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise EnvelopeError(f"header {name[:64]!r} is not UTF-8") from None


def _binary_attributes(headers: Headers) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, content in headers:
        if not name.startswith("ce_"):
            continue
        text = _text(name, content)
        if attributes.setdefault(name[3:], text) != text:
            raise EnvelopeError(f"header {name[:64]!r} twice with different values")
    return attributes


def _structured(value: bytes) -> Parsed:
    envelope = read_json(value)
    if not isinstance(envelope, dict):
        raise EnvelopeError("a structured CloudEvent is one JSON object")
    attributes: dict[str, str] = {}
    for name, content in envelope.items():
        if name in ("data", "data_base64") or content is None:
            continue
        if not isinstance(content, str | int):
            raise EnvelopeError(f"attribute {name[:64]!r} is neither text, integer nor boolean")
        attributes[name] = str(content).lower() if isinstance(content, bool) else str(content)
    _check_attributes(attributes)
    _check_json(_media_type(attributes.get("datacontenttype", "")))
    if "data" in envelope and "data_base64" in envelope:
        raise EnvelopeError("both data and data_base64")
    if "data" in envelope:
        return Parsed("structured", envelope["data"], value, attributes)
    if "data_base64" in envelope:
        data = _decode(envelope["data_base64"])
        return Parsed("structured", read_json(data), data, attributes)
    raise EnvelopeError("a structured CloudEvent without data")


def _decode(encoded: Json) -> bytes:
    if not isinstance(encoded, str):
        raise EnvelopeError("data_base64 is not text")
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeError("data_base64 is not base64") from None


def _check_attributes(attributes: dict[str, str]) -> None:
    for name in REQUIRED_ATTRIBUTES:
        if not attributes.get(name):
            raise EnvelopeError(f"CloudEvents attribute {name!r} is missing or empty")
    if attributes["specversion"] != "1.0":
        raise EnvelopeError(f"CloudEvents version {attributes['specversion'][:16]!r}; only 1.0 is read")
    for name, text in attributes.items():
        if _CONTROL.search(text):
            raise EnvelopeError(f"attribute {name[:64]!r} holds a control character")
