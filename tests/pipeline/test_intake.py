"""Producers' records: each becomes evidence on its way or exactly one dead letter, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from tests import stories
from tests.bad_input import BAD_INPUT

INTAKE = Intake(max_event_bytes=1 << 20)


def record(value: bytes | None, topic: str = "call-ended", headers: Any = ()) -> Incoming:
    return Incoming(topic, 2, 7, stories.START_MS, b"key", value, headers)


def sent(value: bytes | None, topic: str = "call-ended", headers: Any = ()) -> list[tuple[str, dict[str, Any]]]:
    effects = INTAKE.handle(record(value, topic, headers))
    assert effects.rows == ()
    return [(send.topic, json.loads(send.value or b"")) for send in effects.sends]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: case.name)
def test_bad_input_is_one_dead_letter_with_its_reason_and_the_original(case: Any) -> None:
    ((topic, letter),) = sent(case.value, case.topic, case.headers)
    assert topic == "dead-letters"
    assert letter["reason"] == case.reason
    assert letter["position"] == {"topic": case.topic, "partition": 2, "offset": 7}
    assert letter["bodySizeBytes"] == len(case.value or b"")
    assert (letter["body"] is None) == (case.value is None)


def body(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_an_event_with_a_canonical_id_only_goes_straight_to_evidence() -> None:
    ((topic, evidence),) = sent(body(stories.call_ended()))
    assert topic == "evidence"
    assert evidence["canonicalCallId"] == "call-1"
    assert evidence["position"] == {"topic": "call-ended", "partition": 2, "offset": 7}


def test_an_event_with_both_makes_a_claim_on_its_best_alias_and_links_the_others() -> None:
    document = stories.call_ended(aliases={"livekitRoom": "r", "twilioCallSid": "CA1"}, traceId="ab" * 16)
    records = sent(body(document))
    assert [(topic, one["record"], one["alias"]) for topic, one in records] == [
        ("identity", "park", "twilioCallSid:CA1"),
        ("identity", "link", "livekitRoom:r"),
        ("identity", "link", "traceId:" + "ab" * 16),
    ]
    assert {one["canonicalCallId"] for _, one in records} == {"call-1"}


def test_an_event_with_two_aliases_only_parks_at_one_and_links_them_both_ways() -> None:
    document = stories.artifact("recording", call=None, aliases={"livekitEgress": "EG", "livekitRoom": "r"})
    records = sent(body(document), "artifact-ready")
    assert [(one["record"], one["alias"], one.get("other")) for _, one in records] == [
        ("park", "livekitRoom:r", None),
        ("link", "livekitEgress:EG", "livekitRoom:r"),
        ("link", "livekitRoom:r", "livekitEgress:EG"),
    ]


def test_all_three_envelopes_give_the_same_evidence() -> None:
    document = stories.call_ended()
    plain = sent(body(document))
    binary = [("ce_specversion", b"1.0"), ("ce_id", b"x"), ("ce_source", b"s"), ("ce_type", b"t")]
    assert sent(body(document), headers=tuple(binary)) == plain
    structured = {"specversion": "1.0", "id": "x", "source": "s", "type": "t", "data": document}
    assert sent(body(structured), headers=(("content-type", b"application/cloudevents+json"),)) == plain


def test_the_envelope_says_what_the_data_does_not() -> None:
    document = stories.call_ended()
    stated = {name: document.pop(name) for name in ("eventId", "source", "occurredAt")}
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_type", b"t"),
        ("ce_id", stated["eventId"].encode()),
        ("ce_source", stated["source"].encode()),
        ("ce_time", stated["occurredAt"].encode()),
    )
    ((topic, evidence),) = sent(body(document), headers=headers)
    assert topic == "evidence"
    assert {name: evidence["event"][name] for name in stated} == stated


def test_no_payload_of_a_tool_goes_further() -> None:
    secret = "4111-1111-1111-1111"
    document = stories.tool(arguments={"card": secret}, result={secret: [secret]}, error=f"refused {secret}")
    effects = INTAKE.handle(record(body(document), "tool-call"))
    assert all(secret.encode() not in (send.value or b"") for send in effects.sends)


def test_a_valid_traceparent_is_kept_and_any_other_is_not() -> None:
    good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    ((_, kept),) = sent(body(stories.call_ended()), headers=(("traceparent", good),))
    assert kept["traceparent"] == good.decode()
    ((_, dropped),) = sent(body(stories.call_ended()), headers=(("traceparent", b"00-zz-11-01"),))
    assert dropped["traceparent"] is None


@settings(max_examples=300, deadline=None)
@given(value=st.binary(max_size=300) | st.none())
def test_any_bytes_end_in_exactly_one_dead_letter(value: bytes | None) -> None:
    ((topic, _),) = sent(value)
    assert topic == "dead-letters"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(sorted(stories.call_ended(aliases={}))), value=JSON)
def test_any_value_in_any_field_is_evidence_or_one_dead_letter(field: str, value: Any) -> None:
    records = sent(json.dumps({**stories.call_ended(aliases={}), field: value}).encode())
    assert records
    assert [topic for topic, _ in records] == ["dead-letters"] or "dead-letters" not in [topic for topic, _ in records]


def test_a_bug_of_ours_is_a_dead_letter_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("stream_app.core.event_shapes.Shape.reduce", fail)
    ((topic, letter),) = sent(body(stories.call_ended()))
    assert (topic, letter["reason"]) == ("dead-letters", "invalid_event")
    assert "RuntimeError" in letter["detail"]
    assert "nobody thought" not in letter["detail"]
