"""The whole line on a real broker and store: the contract's call to its packet, and bad input that does no harm."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.core.packet import LATER_FIELDS, LATER_TOOL_FIELDS
from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.audit import accounting, matching
from tests import stories
from tests.bad_input import BAD_INPUT
from tests.examples import (
    AUDIO_URI,
    CONTRACT,
    TRANSCRIPT,
    TRANSCRIPT_URI,
    contract_audio,
    contract_events,
    contract_sources,
)
from tests.scenarios.live import Line


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(stack, tmp_path_factory.mktemp("line"))
    live.create()
    try:
        live.start()
        yield live
    finally:
        live.end()


def comparable(packet: dict[str, Any]) -> dict[str, Any]:
    """A packet without source positions, digests, what later releases added, and where this deployment keeps things."""
    told = {name: value for name, value in packet.items() if name not in LATER_FIELDS}
    kept = {**told, "manifestHash": "…", "producedBy": {**packet["producedBy"], "configSha256": "…"}}
    kept["policy"] = {**packet["policy"], "sha256": "…"}
    tools = packet["toolEvidence"]
    kept["toolEvidence"] = [
        {name: value for name, value in one.items() if name not in LATER_TOOL_FIELDS} for one in tools
    ]
    kept["evidence"] = [{"kind": one["kind"], "eventId": one["eventId"]} for one in packet["evidence"]]
    kept["manifestUri"] = packet["manifestUri"].partition("/calls/")[2]
    kept["redactedTranscriptUri"] = packet["redactedTranscriptUri"].partition("/artifacts/")[0].count("s3://")
    return kept


def test_the_contracts_inputs_give_the_contracts_packet(line: Line) -> None:
    sources = contract_sources()
    line.put(TRANSCRIPT_URI, TRANSCRIPT, "application/json")
    line.put(AUDIO_URI, sources[AUDIO_URI], "audio/wav")
    line.publish([Outgoing(event["type"], b"k", json.dumps(event).encode()) for _, event in contract_events()])
    packets = line.wait("packets", lambda seen: len(seen) >= 1)
    expected = json.loads((CONTRACT / "packet.json").read_text())
    assert comparable(packets[0]) == comparable(expected)
    assert line.read("dead-letters") == []


def test_bad_input_is_harmless_and_every_position_is_accounted_for(line: Line) -> None:
    line.put("s3://provider-drop/Redacted/transcript.json", TRANSCRIPT, "application/json")
    line.put("s3://provider-drop/Redacted/audio.wav", contract_audio(), "audio/wav")
    records = []
    for number, case in enumerate(BAD_INPUT):
        good = f"good-{number}"
        aliases = {"livekitRoom": good}
        # One key for all: good and bad stand in the same partitions, one behind the other.
        for document in (
            stories.call_ended(f"{good}-ended", call=good, aliases=aliases),
            stories.trace(f"{good}-trace", call=good, traceId=f"{number:032x}"),
        ):
            records.append(Outgoing(document["type"], b"one", write_json(document)))
        records.append(Outgoing(case.topic, b"one", case.value, case.headers))
        judged = stories.evaluation(f"{good}-judged", call=None, aliases=aliases, failed=True)
        records.append(Outgoing(judged["type"], b"one", write_json(judged)))
    unknown = stories.tool("unknown", call=None, aliases={"livekitRoom": "nobody-knows"})
    thief = stories.evaluation("thief", call="good-1", aliases={"livekitRoom": "good-0"})
    conflict = stories.evaluation("good-0-judged", call="good-0", score=0.9)
    again = stories.trace("good-1-trace", call="good-1", traceId=f"{1:032x}")
    later = 10 * 365 * 86_400_000
    future = stories.call_ended("future", call="future", end=stories.START_MS + later, at=stories.START_MS + later)
    judged_future = stories.evaluation("future-judged", call="future", failed=True)
    traced_future = stories.trace("future-traced", call="future", traceId="ef" * 16)
    line.publish(records)
    line.wait("packets", lambda seen: len({one["canonicalCallId"] for one in seen}) >= 1 + len(BAD_INPUT))
    line.publish(
        [
            Outgoing(one["type"], b"one", write_json(one))
            for one in (unknown, thief, conflict, again, future, judged_future, traced_future)
        ]
    )
    packets = line.wait("packets", lambda seen: any(one["canonicalCallId"] == "future" for one in seen))
    (of_future,) = [packet for packet in packets if packet["canonicalCallId"] == "future"]
    assert {"finding": "clock_skew", "eventId": "future"} in of_future["findings"]
    assert "/calls/2036" not in of_future["manifestUri"]
    letters = line.wait("dead-letters", lambda seen: len(seen) >= len(BAD_INPUT))
    assert Counter(letter["reason"] for letter in letters) == Counter(case.reason for case in BAD_INPUT)
    account = asyncio.run(accounting(line.settings))
    assert account.unaccounted == []
    assert account.twice == []
    endings: Counter[str] = Counter()
    for count in account.endings.values():
        endings.update(count)
    assert endings["dead_letter"] == len(BAD_INPUT)
    assert endings["parked"] == 1
    assert endings["conflict"] == 2
    assert endings["duplicate"] == 1
    assert account.positions == sum(endings.values())
    packets = line.wait("packets", lambda seen: sum(one["status"] == "blocked" for one in seen) >= 2)
    stubs = {packet["canonicalCallId"]: packet for packet in packets if packet["status"] == "blocked"}
    assert {call: (stub["version"], stub["redactedTranscriptUri"]) for call, stub in stubs.items()} == {
        "good-0": (2, None),  # Contradicted, and its alias is claimed by the other.
        "good-1": (2, None),
    }
    assert asyncio.run(matching(line.settings)).unmarked == []


def test_a_worker_that_is_told_to_stop_stops(stack: Endpoints, tmp_path: Path) -> None:
    live = Line(stack, tmp_path)
    live.create()
    try:
        worker = live.start(("intake", "join"))
        live.stop()
        assert worker.returncode == 0
    finally:
        live.end()
