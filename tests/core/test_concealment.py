"""What is private leaves intake concealed or not at all, by both ways that an event is read."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from stream_app.core.concealment import (
    FIELD,
    MAX_CONTENT_BYTES,
    PRIVATE_FIELDS,
    UNKEYED,
    Concealed,
    content_of,
    epoch_of,
    private_of,
)
from stream_app.core.event_shapes import Shape
from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import event_digest, reduce_event
from stream_app.core.wire import write_json

MODELS = {model.TYPE: model for model in EVENT_TYPES}
SECRET = "+1 415 555 0142"


class Recording:
    """Conceals into a list, and says under which name."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int, bytes]] = []

    def fingerprint(self, content: bytes) -> str:
        return sha256(b"keyed" + content).hexdigest()

    def conceal(self, identity: str, at_ms: int, content: bytes) -> str | None:
        self.kept.append((identity, at_ms, content))
        return f"box-{len(self.kept)}"


def base(kind: str, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schemaVersion": 1, "eventId": "e-1", "type": kind, "source": "s", "occurredAt": "2026-06-03T18:40:12.100Z",
        "canonicalCallId": "call-1",
    }  # fmt: skip
    return document | fields


EVENTS = {
    "tool-call": base(
        "tool-call", toolCallId="t", name="look_up", status="failed",
        arguments={"phone": SECRET}, result=[SECRET, None], error=f"no account for {SECRET}",
    ),
    "call-ended": base("call-ended", endedAt="2026-06-03T18:40:12.100Z", knownValues=[SECRET]),
    "call-reported": base("call-reported", symptom=f"it read out {SECRET}"),
    "selection-requested": base("selection-requested", trigger="manual", note=f"caller {SECRET}"),
}  # fmt: skip


def test_every_type_with_private_fields_is_tried() -> None:
    assert EVENTS.keys() == PRIVATE_FIELDS.keys()


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("keyed", [True, False])
def test_nothing_private_travels_on(kind: str, keyed: bool) -> None:
    document = EVENTS[kind]
    quick, long = (Recording(), Recording()) if keyed else (UNKEYED, UNKEYED)
    event = MODELS[kind].from_dict(document)
    reduced = reduce_event(event, long, "call-1", 5)
    made = Shape(MODELS[kind]).reduce(document, json.dumps(document).encode(), quick, 5)
    assert made is not None
    assert made.document == write_json(reduced)
    assert made.digest == event_digest(event, long)
    assert SECRET not in made.document.decode()
    assert (FIELD in reduced) == keyed
    if isinstance(quick, Recording) and isinstance(long, Recording):
        assert quick.kept == long.kept
        ((identity, at_ms, content),) = quick.kept
        assert (identity, at_ms) == ("call-1", 5)
        assert private_of(content) == {name: document[name] for name in PRIVATE_FIELDS[kind]}


@pytest.mark.parametrize("kind", EVENTS)
def test_what_intake_writes_no_producer_can_state(kind: str) -> None:
    stated = EVENTS[kind] | {FIELD: "1.2026-06-03.0000000000.AAAA"}
    made = Shape(MODELS[kind]).reduce(stated, json.dumps(stated).encode(), Recording(), 5)
    assert made is None  # The model decides, and drops it.
    assert FIELD not in reduce_event(MODELS[kind].from_dict(stated))


def test_an_event_without_private_fields_conceals_nothing() -> None:
    for kind in ("call-ended", "call-reported"):
        document = {name: value for name, value in EVENTS[kind].items() if name not in PRIVATE_FIELDS[kind]}
        recording = Recording()
        Shape(MODELS[kind]).reduce(document, json.dumps(document).encode(), recording, 5)
        assert recording.kept == []


def test_of_large_payloads_only_what_must_not_be_shown_is_kept() -> None:
    payload = {"phone": SECRET, "page": "x" * MAX_CONTENT_BYTES}
    content = content_of({"arguments": (payload, write_json(payload))})
    assert content is not None
    assert private_of(content) == {"knownValues": [SECRET]}
    numbers = {"phone": [str(number) * 8 for number in range(MAX_CONTENT_BYTES)]}
    assert content_of({"arguments": (numbers, write_json(numbers))}) is None
    assert content_of({}) is None


def test_what_is_written_is_read() -> None:
    one = Concealed("2026-06-03", f"{5:040b}", b"\x00\xffbox")
    assert Concealed.read(one.written()) == one
    for text in ("", "2.2026-06-03.0000000005.AAAA", one.written() + "!", "1.today.0000000005.AAAA"):
        with pytest.raises(ValueError, match="not concealed"):
            Concealed.read(text)


def test_a_day_has_its_epoch() -> None:
    assert epoch_of(1_780_512_345_678) == "2026-06-03"


@pytest.mark.parametrize("content", [b"[]", b"{", b'"x"'])
def test_what_is_no_content_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        private_of(content)
