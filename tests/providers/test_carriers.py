"""Our names in providers' free fields: any spelling, the first place that has one, and no trace that is none."""

from __future__ import annotations

import pytest

from stream_app.providers import carriers

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("name", ["canonicalCallId", "canonical_call_id", "X-Canonical-Call-Id", "callEvidenceId"])
def test_our_call_id_is_known_by_its_names(name: str) -> None:
    assert carriers.call_id({}, {name: "call-1"}, {"canonicalCallId": "later"}) == "call-1"
    assert carriers.call_id({"callId": "theirs"}) is None


def test_an_empty_value_is_none_and_the_next_place_is_asked() -> None:
    assert carriers.call_id({"canonicalCallId": ""}, {"canonicalCallId": "call-2"}) == "call-2"
    assert carriers.agent_version({"agent.version": "v 3"}) == "v 3"
    assert carriers.test_run({"test_run_id": 7}) == "7"


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE), ({"traceId": TRACE.upper()}, TRACE),
        ({"traceId": "0" * 32}, None), ({"traceId": "abc"}, None), ({"traceparent": "00-x"}, None),
        ({"traceId": 5}, None),
    ],
)  # fmt: skip
def test_a_trace_is_named_whole_or_not(place: dict[str, object], found: str | None) -> None:
    assert carriers.trace_id(place) == found
