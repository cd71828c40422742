"""The sealing figure: its calls are long enough and differ, and packets that were not redacted are no speed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.sealing import WORDS, faults, order_of, transcript
from stream_app.core.sources import sources_of
from stream_app.pipeline.ports import Effects, Outgoing


def test_each_call_has_words_enough_and_its_own() -> None:
    said = [" ".join(turn["text"] for turn in json.loads(transcript(number))["turns"]) for number in (0, 1)]
    assert all(WORDS <= len(text.split()) < WORDS + 80 for text in said)
    assert said[0] != said[1]


def test_both_sources_of_an_order_are_read() -> None:
    order = order_of("c", "s3://provider-drop/t.json", "s3://provider-drop/a.mp3")
    readable, withheld = sources_of(order, ("provider-drop",), redacting=True)
    assert (sorted(one.kind for one in readable), withheld) == (["recording", "transcript"], ())


def _published(topic: str, **packet: Any) -> Effects:
    return Effects(sends=(Outgoing(topic, b"k", json.dumps(packet).encode()),))


@pytest.mark.parametrize(
    ("effects", "wrong"),
    [
        (_published("packets", redaction={"by": "us"}), 0),
        (_published("packets", redaction={"by": "provider"}), 1),
        (_published("packets"), 1),
        (_published("seal-retry"), 1),
        (Effects(), 1),
    ],
)
def test_what_was_not_sealed_and_redacted_does_not_count(effects: Effects, wrong: int) -> None:
    assert len(faults([effects])) == wrong
