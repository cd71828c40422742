"""How LiveKit names a call."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.providers.adapter import Delivery, Refused
from stream_app.providers.livekit_call import Call, headers_of, named, of_webhook, word

DELIVERY = Delivery({}, "livekit", 1_790_000_000_000)
NUMBERED = {0: "NONE", 3: "SIP"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("SIP", "SIP"), ("sip", "SIP"), (3, "SIP"), ("3", "SIP"), (3.0, "SIP"), (9, None), (None, None), ("", None),
     (True, None), ([], None), ("²", "²"), (-1, None), (10**400, "1" + "0" * 63)],
)  # fmt: skip
def test_enums_come_by_name_or_number(value: Any, expected: str | None) -> None:
    assert word(value, NUMBERED) == expected


def test_headers_come_under_their_own_names() -> None:
    assert headers_of({"sip.h.X-Ref": "1", "SIP.H.x-other": "2", "sip.hostname": "3"}) == {"X-Ref": "1", "x-other": "2"}


def test_the_first_name_that_is_one_counts() -> None:
    assert named(livekitRoom=(None, "", "x" * 300, "room"), livekitJob=({},)) == {"livekitRoom": "room"}


def test_only_twilios_ids_are_taken_for_such() -> None:
    attributes = {"sip.twilio.callSid": "+15005550007", "sip.callID": "SCL_1"}
    assert of_webhook(DELIVERY, {"participant": {"attributes": attributes}}).aliases == {"sipCallId": "SCL_1"}


def test_the_rooms_word_comes_before_the_participants() -> None:
    call = of_webhook(DELIVERY, {
        "room": {"sid": "RM_1", "metadata": '{"call_evidence_id": "of-room"}'},
        "participant": {"metadata": '{"call_evidence_id": "of-participant", "agent_version": "2"}'},
    })  # fmt: skip
    assert call.names["canonical_call_id"] == "of-room"
    assert call.agent_version == "2"


def test_a_deployment_is_a_version_where_nobody_states_one() -> None:
    job = {"id": "AJ_1", "deployment": "2026.09.3", "room": {"sid": "RM_1", "name": "r"}}
    assert of_webhook(DELIVERY, {"job": job}).agent_version == "2026.09.3"
    assert of_webhook(DELIVERY, {"job": {**job, "attributes": {"agent.version": "7"}}}).agent_version == "7"


def test_a_trace_is_a_second_name() -> None:
    trace = "0123456789abcdef0123456789abcdef"
    call = of_webhook(
        DELIVERY, {"room": {"sid": "RM_1", "metadata": {"traceparent": f"00-{trace}-0123456789abcdef-01"}}}
    )
    (linked,) = call.linked("started", 1_780_000_000_000, "nothing").events
    assert linked.trace_id == trace


def test_one_name_links_nothing() -> None:
    with pytest.raises(Refused) as refused:
        Call(DELIVERY, {"livekitRoom": "r"}, ()).linked("started", None, "nothing")
    assert refused.value.reason == "nothing_to_report"
