"""A line is a conversation, or an error that says where and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.instants import parse_instant
from stream_app.demo.conversations import Conversation, ConversationError, parse_line, read_conversations


def line(**fields: Any) -> bytes:
    return json.dumps({"call_id": "c-1", **fields}).encode()


def test_the_least_line_has_an_id_and_nothing_else() -> None:
    told = parse_line(line(), "x:1")
    assert (told.call_id, told.source, told.turns, told.tool_calls) == ("c-1", "unknown", (), ())
    assert (told.outcome.label, told.duration_ms, told.reported) == (None, None, False)


def test_fields_are_read_and_unknown_ones_skipped() -> None:
    told = parse_line(
        line(
            turns=[{"i": 0, "speaker": "user", "text": "Hi", "t_ms": 7, "label": "hello"}],
            tool_calls=[{"id": "t", "name": "find", "args": {"a": [1]}, "result": None, "is_error": True, "turn_i": 0}],
            outcome={"kind": "judge", "label": "fail", "reward": 0.0},
            meta={"anything": 1},
        ),
        "x:1",
    )
    assert [(turn.speaker, turn.text, turn.t_ms) for turn in told.turns] == [("user", "Hi", 7)]
    assert (told.tool_calls[0].args, told.tool_calls[0].is_error, told.tool_calls[0].retries) == ({"a": [1]}, True, 0)
    assert (told.outcome.label, told.outcome.reward, told.outcome.score) == ("fail", 0.0, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-06-30T11:40:23.773211", "2026-06-30T11:40:23.773Z"),
        ("2026-06-30 11:40:23", "2026-06-30T11:40:23Z"),
        ("2026-06-30T11:40:23Z", "2026-06-30T11:40:23Z"),
        ("2026-06-30T11:40:23+02:00", "2026-06-30T09:40:23Z"),
        ("2026-06-30T11:40:23-05:00", "2026-06-30T16:40:23Z"),
        ("2026-06-30T11:40:23z", "2026-06-30T11:40:23Z"),
    ],
)
def test_a_time_without_an_offset_is_utc_and_one_with_an_offset_keeps_it(written: str, meant: str) -> None:
    told = parse_line(line(started_at=written, ended_at=written), "x:1")
    assert (told.started_at, told.ended_at) == (parse_instant(meant), parse_instant(meant))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"call_id": "a", "call_id": "b"}', "names a key twice"),
        (b'{"call_id": "a", "duration_ms": NaN}', "NaN is not JSON"),
        (b'{"call_id": "a\\u0000"}', "NUL"),
        (b"{}", "call_id: Field required"),
        (b'{"call_id": ""}', "call_id: "),
        (b'{"call_id": "a", "duration_ms": -1}', "duration_ms: "),
        (b'{"call_id": "a", "duration_ms": 86400001}', "duration_ms: "),
        (b'{"call_id": "a", "turns": [{"speaker": "user", "text": "x", "t_ms": 1780000000000}]}', "turns.0.t_ms: "),
        (
            b'{"call_id": "a", "started_at": "2026-06-01T00:00:00Z", "ended_at": "2026-06-03T00:00:00Z"}',
            "the call: Value error, ended_at lies more than a day after started_at",
        ),
        (b'{"call_id": "a", "started_at": "yesterday"}', "started_at: "),
        (b'{"call_id": "a", "turns": [{"text": "no speaker"}]}', "turns.0.speaker: Field required"),
        (b'{"call_id": "a", "turns": [{"speaker": "user", "text": "x", "t_ms": -1}]}', "turns.0.t_ms: "),
        (b'{"call_id": "a", "tool_calls": [{"name": "x", "latency_ms": -1}]}', "tool_calls.0.latency_ms: "),
        (b'{"call_id": "a", "tool_calls": [{"name": "x", "retries": -1}]}', "tool_calls.0.retries: "),
        (b'{"call_id": "a", "tool_calls": [{"name": "x", "t_ms": -1}]}', "tool_calls.0.t_ms: "),
    ],
)
def test_a_bad_line_says_where_and_why(body: bytes, says: str) -> None:
    with pytest.raises(ConversationError) as caught:
        parse_line(body, "calls.jsonl:12")
    assert str(caught.value).startswith("calls.jsonl:12: ")
    assert says in str(caught.value)


def test_files_are_read_in_order_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(line() + b"\n\n  \n" + line(call_id="c-2", source="two") + b"\n")
    second.write_bytes(line(call_id="c-3", source="three"))
    assert [told.source for told in read_conversations([first, second])] == ["unknown", "two", "three"]


def test_an_error_in_a_file_names_its_line_after_what_was_good(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line() + b"\n\nnonsense\n")
    conversations = read_conversations([path])
    assert next(conversations).call_id == "c-1"
    with pytest.raises(ConversationError, match=r"^a\.jsonl:3: not JSON"):
        next(conversations)


def test_every_bad_line_is_named_and_a_call_id_may_come_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(line() + b"\n[]\n")
    second.write_bytes(line(call_id="c-2") + b"\n" + line() + b"\n" + line(call_id="c-3", duration_ms=-1))
    with pytest.raises(ConversationError) as caught:
        list(read_conversations([first, second]))
    told = str(caught.value).splitlines()
    assert told[0] == "a.jsonl:2: not a JSON object"
    assert told[1] == "b.jsonl:2: call_id 'c-1' already stands at a.jsonl:1"
    assert told[2].startswith("b.jsonl:3: duration_ms: ")


def test_of_many_bad_lines_the_first_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\n" * 33)
    with pytest.raises(ConversationError) as caught:
        list(read_conversations([path]))
    told = str(caught.value).splitlines()
    assert (len(told), told[-1]) == (21, "and 13 more bad lines")


def test_an_absent_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_conversations([tmp_path / "gone.jsonl"]))


def test_a_conversation_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Conversation(call_id="c-1").call_id = "c-2"  # type: ignore[misc]


PUBLIC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "replay"


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public conversations (../shared/data/replay) are not here")
def test_every_public_conversation_is_read() -> None:
    paths = sorted(PUBLIC.glob("*.jsonl"))
    told = list(read_conversations(paths))
    assert len(told) == sum(1 for path in paths for text in path.read_bytes().splitlines() if text.strip())
    assert len({one.call_id for one in told}) == len(told) >= 1
    assert any(one.tool_calls for one in told)
    assert any(one.started_at is not None for one in told)
