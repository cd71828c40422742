"""Connect's documents are told apart, out of whatever carried them, and nothing but our fields comes through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.providers.adapter import Normalised
from stream_app.providers.registry import Refusal
from tests.providers.mutants import mutants
from tests.providers.samples import own_cases, public, public_cases
from tests.providers.trying import Trying

CONNECT = Trying("connect")
KEPT_OUT = ("15005550006", "15005550001", "Peter Example", "ada@example.com", "systemEndpoint")


@pytest.mark.parametrize("case", own_cases("connect"))
def test_each_kind_gives_what_it_says(case: Any) -> None:
    normalised = CONNECT.made(case["document"])
    if "refused" in case:
        assert isinstance(normalised, Refusal)
        assert normalised.reason == case["refused"]
    else:
        assert isinstance(normalised, Normalised), normalised
        assert [event.type for event in normalised.events] == case["gives"]
        assert CONNECT.made(case["document"]) == normalised
        shown = json.dumps([event.to_dict() for event in normalised.events])
        assert not [word for word in KEPT_OUT if word in shown]


def test_an_envelope_changes_nothing_of_what_it_carries() -> None:
    plain = CONNECT.events(CONNECT.own("disconnected"))
    assert CONNECT.events(CONNECT.own("sqs-of-sns-of-event")) == plain
    assert CONNECT.events(CONNECT.own("disconnected-pascal-case")) == plain
    assert CONNECT.events(CONNECT.own("disconnected-renamed-service")) == plain
    assert CONNECT.events([CONNECT.own("disconnected")]) == plain
    first, _second = CONNECT.events(CONNECT.own("record-from-kinesis"))
    assert first == CONNECT.only(CONNECT.own("record"))


def test_one_record_that_cannot_be_used_does_not_take_the_others_with_it() -> None:
    document = CONNECT.own("record-from-kinesis")
    document["Records"].append({"body": json.dumps({"hello": "world"})})
    assert len(CONNECT.events(document)) == 2


def test_envelopes_in_envelopes_end() -> None:
    document = CONNECT.own("disconnected")
    for _ in range(12):
        document = {"Type": "Notification", "Message": json.dumps(document)}
    assert isinstance(CONNECT.made(document), Refusal)


@pytest.mark.parametrize("case", public_cases("connect"))
def test_public_samples_give_events_or_say_what_is_missing(case: Any) -> None:
    made = CONNECT.made(case)
    assert isinstance(made, Normalised) or made.reason == "identity_missing"


def test_the_public_samples_say_what_they_are() -> None:
    types = {
        name: [event.type for event in CONNECT.events(public(f"connect/{name}.json"))]
        for name in ("01-contact-event-disconnected", "02-ctr-inbound-voice", "04-evaluation-output-v3_5",
                     "05-s3-object-created-redacted-audio")
    }  # fmt: skip
    assert types == {
        "01-contact-event-disconnected": ["call-ended"],
        "02-ctr-inbound-voice": ["call-ended", "artifact-ready"],
        "04-evaluation-output-v3_5": ["evaluation-completed"],
        "05-s3-object-created-redacted-audio": ["artifact-ready"],
    }
    record = CONNECT.made(public("connect/02-ctr-inbound-voice.json"))
    assert "1555010" not in json.dumps([event.to_dict() for event in record.events])


@pytest.mark.parametrize("case", [*own_cases("connect"), *public_cases("connect")])
def test_whatever_is_bent_gives_events_or_a_refusal_and_no_defect(case: Any) -> None:
    document = case.get("document", case)
    for mutant in mutants(document, 120):
        made = CONNECT.made(mutant)
        assert isinstance(made, Normalised | Refusal)
        assert not isinstance(made, Refusal) or made.reason != "defect", made.detail
