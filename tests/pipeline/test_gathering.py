"""What of the sources becomes an artifact: redacted copies for reviewers, originals for restricted readers alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stream_app.core.orders import SealOrder
from stream_app.core.redaction.transcript import Report
from stream_app.pipeline.ports import Cleared, RedactionFailed
from tests.examples import (
    AUDIO_URI,
    TRANSCRIPT,
    TRANSCRIPT_URI,
    changed,
    contract_order,
    with_event,
)
from tests.pipeline.test_seal import OWN, World, packet_in

RAW = "s3://raw-restricted/raw/sha256/"
REPORT = Report("engine", "1", None, {"PHONE": 1}, (), (), {"how": "here"})


class Masking:
    """Says that it masked something."""

    def __init__(self, failing: bool = False) -> None:
        self.failing = failing

    async def clear(self, body: bytes, values: Sequence[Any], *, stated_redacted: bool) -> Cleared:
        if self.failing:
            raise RedactionFailed("timeout", "told")
        return Cleared(TRANSCRIPT, None if stated_redacted else REPORT, ())


def order(level: str = "raw_restricted", state: str = "unredacted", **recording: Any) -> SealOrder:
    made = contract_order()
    made = changed(made, review=made.review.model_copy(update={"export_level": level}))
    if recording:
        made = with_event(made, "evt-01J9Z3", reference=recording)
    return with_event(made, "evt-01J9Z0", transcript={"uri": TRANSCRIPT_URI, "redactionState": state})


def world(failing: bool = False) -> World:
    made = World()
    made.store.objects[TRANSCRIPT_URI] = b"my number is 415 555 0100"
    made.sealer._redactor = Masking(failing)
    return made


async def test_a_restricted_packet_has_the_original_where_restricted_readers_look() -> None:
    line = world()
    effects = await line.seal(order())
    body, stub = packet_in(effects, "packets-restricted"), packet_in(effects)
    assert body["rawTranscriptUri"].startswith(RAW)
    assert line.store.objects[body["rawTranscriptUri"]] == b"my number is 415 555 0100"
    assert (body["redactionState"], body["redactedTranscriptUri"].startswith(OWN)) == ("raw_restricted", True)
    assert "rawTranscriptUri" not in stub
    raw = [uri for uri, held in line.store.objects.items() if b"415 555 0100" in held]
    assert sorted(raw) == sorted([TRANSCRIPT_URI, body["rawTranscriptUri"]])


@pytest.mark.parametrize(("level", "state"), [("redacted_packet", "unredacted"), ("raw_restricted", "redacted")])
async def test_no_original_is_kept_for_others_nor_where_the_copy_is_one(level: str, state: str) -> None:
    line = world()
    effects = await line.seal(order(level, state))
    assert not [uri for uri in line.store.objects if uri.startswith(RAW)]
    assert all("rawTranscriptUri" not in packet_in(effects, send.topic) for send in effects.sends)


async def test_what_could_not_be_redacted_is_not_kept_either() -> None:
    line = world(failing=True)
    body = packet_in(await line.seal(order()), "packets-restricted")
    assert [gap["reason"] for gap in body["missing"]] == ["redaction_failed"]
    assert not [uri for uri in line.store.objects if uri.startswith(RAW)]


@pytest.mark.parametrize(("level", "pointed"), [("raw_restricted", AUDIO_URI), ("redacted_packet", None)])
async def test_only_restricted_readers_are_pointed_to_a_recording_that_is_not_redacted(
    level: str, pointed: str | None
) -> None:
    recording = {"uri": AUDIO_URI, "redactionState": "unredacted", "mediaType": "audio/wav"}
    effects = await world().seal(order(level, **recording))
    topic = "packets-restricted" if level == "raw_restricted" else "packets"
    assert packet_in(effects, topic)["audioUri"] == pointed
