"""Several call-ended events of one call: each knows a part, and together they tell of the call in any order."""

from __future__ import annotations

from itertools import permutations

from stream_app.core.merged_calls import ALL_READINGS, choices, merged
from stream_app.core.selection import facts_of
from stream_app.core.statements import CallStated
from tests import evidence

TELEPHONY = evidence.call("twilio", at=3000, disconnectReason="completed", durationMs=60_000, workflowAgent=False)
PLATFORM = evidence.call(
    "vapi", at=2000, agentVersion="billing@3", durationMs=59_000, workflowAgent=True, toolsFinal=True,
    measures={"p95ResponseMs": 900, "callQuality": {"mos": 4.1}},
)  # fmt: skip
MEDIA = evidence.call(
    "livekit", at=1000, channels=2, disconnectReason="client", measures={"interruptions": 2, "callQuality": {"mos": 1}}
)


def test_each_field_is_that_of_the_latest_that_says_it() -> None:
    one = merged([MEDIA, PLATFORM, TELEPHONY])
    assert one.event_id == "twilio"
    assert {name: one.event.get(name) for name in ("agentVersion", "channels", "durationMs", "disconnectReason")} == {
        "agentVersion": "billing@3", "channels": 2, "durationMs": 60_000, "disconnectReason": "completed",
    }  # fmt: skip
    assert one.event["measures"] == {"p95ResponseMs": 900, "interruptions": 2, "callQuality": {"mos": 4.1}}
    assert isinstance(one.statement, CallStated)
    assert one.statement.agent_version == "billing@3"


def test_what_one_says_to_be_so_no_silence_takes_back() -> None:
    one = merged([PLATFORM, TELEPHONY])
    assert (one.event["workflowAgent"], one.event["toolsFinal"]) == (True, True)


def test_one_alone_is_itself() -> None:
    assert merged([MEDIA]) is MEDIA


def test_facts_are_the_same_in_every_order() -> None:
    values = [facts_of("c", order).values for order in permutations((TELEPHONY, PLATFORM, MEDIA))]
    assert all(one == values[0] for one in values)
    assert values[0]["agentVersion"] == "billing@3"
    assert values[0]["mos"] == 4.1
    assert values[0]["durationMs"] == 60_000


def test_facts_of_one_are_its_own() -> None:
    """Negative control: without the others their fields are unknown."""
    assert "agentVersion" not in facts_of("c", [TELEPHONY]).values


def test_readings_are_what_may_have_been_there_before_the_rest() -> None:
    names = {tuple(one.event_id for one in chosen) for chosen in choices([TELEPHONY, PLATFORM, MEDIA])}
    assert names == {
        ("twilio",), ("vapi",), ("livekit",), ("twilio", "vapi"), ("twilio", "livekit"), ("vapi", "livekit"),
    }  # fmt: skip
    many = [evidence.call(str(number)) for number in range(ALL_READINGS + 1)]
    assert len(choices(many)) == ALL_READINGS + 1
