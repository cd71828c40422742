"""The quick way gives what the model gives, byte for byte, or leaves it to the model: for any document at all."""

from __future__ import annotations

import copy
import json
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator, Field, ValidationError

from stream_app.core import event_shapes
from stream_app.core.event_shapes import Reduced, Shape
from stream_app.core.events import EVENT_TYPES, Event
from stream_app.core.evidence import event_digest, reduce_event
from stream_app.core.identities import aliases_of
from stream_app.core.model import Model
from stream_app.core.wire import WireError, read_json, write_json
from tests import stories
from tests.examples import CONTRACT

MODELS = {model.TYPE: model for model in EVENT_TYPES}
SHAPES = {model.TYPE: Shape(model) for model in EVENT_TYPES}

FULL: tuple[dict[str, Any], ...] = (
    stories.call_ended(
        aliases={"twilioCallSid": "CA-ü", "livekitRoom": "r"}, traceId="ab" * 16, queue=None, channels=2, region="eu",
        measures={"minAsrConfidence": 1, "maxSilenceMs": 0, "callQuality": {"mos": 4.1, "jitterMs": None}},
        startedAt="2026-06-03T20:41:00+02:00", workflowAgent=True,
        recording={"uri": "s3://b/k", "sha256": "0" * 64, "mediaType": None, "channels": 2},
    ),
    stories.tool(
        arguments={"z": None, "a": [1, 2.5, {"ä": "\u2028"}], "big": 2**70, "tiny": 1e-9}, result=0.00001,
        error="quoted", sideEffect={"kind": "write", "proof": None}, startedAt="2026-02-28T23:59:59.999Z",
    ),
    stories.tool(arguments=None, result=[], error=None),
    stories.evaluation(
        score=7, assertions=[{"name": "a", "passed": False, "severity": None}], policyFlags=["x"], label=None
    ),
    stories.evaluation(score=1e-5),
    stories.trace(keySpans=[{"name": "llm", "count": 3, "p95Ms": None, "errors": 1}]),
    stories.artifact("recording"),
    stories.event("identity-linked", "linked", call=None, aliases={"livekitRoom": "r", "vapiCallId": "v"}),
    stories.event("call-reported", "report", accountRef="hmac:1", around="2026-06-30T10:00:00Z"),
    stories.event("selection-requested", "wish", trigger="manual", note="\x7f"),
)  # fmt: skip


def by_model(document: dict[str, Any]) -> Reduced | None:
    """What the model makes of it; None where it refuses it."""
    model: type[Event] = MODELS[document["type"]]
    try:
        event = model.from_dict(document)
        aliases = aliases_of(event)
    except (ValidationError, ValueError):
        return None
    written = write_json(reduce_event(event))
    return Reduced(event.source, event.canonical_call_id, aliases, event_digest(event), written)


def agree(document: dict[str, Any], text: bytes = b"") -> bool:
    """Both ways give the same; says whether the quick one answered at all."""
    before = copy.deepcopy(document)
    quick = SHAPES[document["type"]].reduce(document, text or json.dumps(document).encode())
    assert document == before, "the document is the model's to read yet"
    if quick is not None:
        assert quick == by_model(document)
    return quick is not None


@pytest.mark.parametrize("document", FULL, ids=lambda one: one["type"])
def test_every_field_comes_out_as_the_model_writes_it(document: dict[str, Any]) -> None:
    assert by_model(document) is not None
    agree(document)


@pytest.mark.parametrize("path", sorted(CONTRACT.glob("[1-6]-*.json")), ids=lambda path: path.stem)
def test_the_contracts_examples_need_no_model(path: Any) -> None:
    assert agree(read_json(path.read_bytes()))


def test_what_is_usual_needs_no_model() -> None:
    for document in FULL:
        if document.get("score") != 1e-5:
            assert agree(document), document["type"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from(["2026-06-30T10:00:00Z", "2026-02-29T10:00:00Z", "a\n", "\n", "x" * 600]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += paths(inner, (*path, key))
    return found


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place_is_judged_the_same(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(FULL)))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([one for one in paths(document) if one != ("type",)]))
        place: Any = document
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = data.draw(JSON)
        except (KeyError, IndexError, TypeError):
            pass  # The first change took the second's place away.
    agree(document)


SNAKE = ("event_id", "trace_id", "canonical_call_id", "duration_ms", "tools_final", "argument_summary")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_unknown_fields_and_fields_by_other_names_are_judged_the_same(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(FULL)))
    names = st.text(max_size=8) | st.sampled_from([*SNAKE, *event_shapes._WRITTEN_ONLY])
    place: Any = document
    if data.draw(st.booleans()) and isinstance(document.get("measures"), dict):
        place = document["measures"]
        names = st.sampled_from(["max_silence_ms", "maxSilenceMs", "call_quality", "x"])
    name = data.draw(names)
    if name != "type":
        place[name] = data.draw(JSON)
        if data.draw(st.booleans()):
            place.pop(next(iter(place)))
    if isinstance(document.get("type"), str):
        agree(document)


@pytest.mark.parametrize("name", ["trace_id", "canonical_call_id", "agent_id"])
def test_a_field_by_its_pythonic_name_is_left_to_the_model_which_takes_it(name: str) -> None:
    document = {**stories.call_ended(), name: "stated"}
    assert SHAPES["call-ended"].reduce(document, b"{}") is None


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 700), put=st.binary(max_size=3), cut=st.integers(0, 3), which=st.sampled_from(FULL))
def test_mangled_bytes_are_judged_the_same(at: int, put: bytes, cut: int, which: dict[str, Any]) -> None:
    whole = json.dumps(which).encode()
    mangled = whole[:at] + put + whole[at + cut :]
    try:
        document = read_json(mangled)
    except WireError:
        return
    if isinstance(document, dict) and document.get("type") in MODELS:
        agree(document, mangled)


@pytest.mark.parametrize("control", ["\n", "\x7f", "\x00", "\x1f"])
def test_no_control_character_slips_in(control: str) -> None:
    for field in ("eventId", "canonicalCallId", "traceId"):
        document = {**stories.call_ended(), field: f"a{control}"}
        for text in (json.dumps(document).encode(), json.dumps(document, ensure_ascii=False).encode()):
            assert SHAPES["call-ended"].reduce(document, text) is None
    aliases = stories.call_ended(aliases={"livekitRoom": control})
    assert SHAPES["call-ended"].reduce(aliases, json.dumps(aliases).encode()) is None


def test_a_kind_of_field_that_nobody_thought_of_is_no_struct() -> None:
    class Odd(Model):
        when: Annotated[set[int], Field(max_length=3)]

    class Listed(Model):
        scores: tuple[Annotated[float, BeforeValidator(float)], ...]

    with pytest.raises(TypeError, match="no struct can be made"):
        event_shapes._Compiler(controls=True).struct(Odd)
    with pytest.raises(TypeError, match=r"list of numbers"):
        event_shapes._numbers_in(Listed)
