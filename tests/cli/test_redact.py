"""`stream-app redact`: turns with spans in input order, known values, bad lines, a transcript's preview."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from stream_app.cli.redact import redact

TURNS = [
    {"id": "b1", "dialogue_id": "b", "turn": 1, "speaker": "user", "text": "five zero zero five five five"},
    {"id": "a0", "dialogue_id": "a", "turn": 0, "speaker": "user", "text": "my name is odette"},
    {"id": "b0", "dialogue_id": "b", "turn": 0, "speaker": "agent", "text": "what's the best phone number"},
    {"id": "a1", "dialogue_id": "a", "turn": 1, "speaker": "agent", "text": "thanks odette"},
]


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_turns_are_read_by_dialogue_and_printed_in_input_order() -> None:
    ran = CliRunner().invoke(redact, ["--spans", "--no-ner"], input=lines(*TURNS))
    assert ran.exit_code == 0
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["b1", "a0", "b0", "a1"]
    assert [row["text"] for row in rows][1:] == [
        "my name is [NAME_1]",
        "what's the best phone number",
        "thanks [NAME_1]",
    ]
    assert rows[0]["spans"] == [{"start": 0, "end": 29, "type": "PHONE"}]


def test_bad_lines_are_told_and_the_others_printed() -> None:
    text = "not json\n" + lines(
        [1], {"id": "x"}, {"id": "y", "text": "hello", "turn": "z"}, {"id": "k", "text": "hello"}
    )
    ran = CliRunner().invoke(redact, ["--spans", "--no-ner"], input=text)
    assert ran.exit_code == 1
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ["k"]
    assert [line.split(":")[0] for line in ran.stderr.splitlines()] == ["line 1", "line 2", "line 3", "line 4"]


def test_known_values_are_masked_in_any_form(tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    known.write_text(lines({"dialogue_id": "a", "pin": "220419"}))
    turn = {"id": "a0", "dialogue_id": "a", "turn": 0, "speaker": "user", "text": "two two oh four one nine"}
    ran = CliRunner().invoke(redact, ["--spans", "--no-ner", "--known", str(known)], input=lines(turn))
    assert json.loads(ran.stdout)["spans"] == [{"start": 0, "end": 24, "type": "KNOWN"}]
    known.write_text("nonsense\n")
    assert CliRunner().invoke(redact, ["--spans", "--known", str(known)], input="").exit_code == 2


def test_a_transcript_is_shown_as_it_would_leave() -> None:
    document = {"turns": [{"speaker": "caller", "text": "call 500-555-0142", "startMs": 0}]}
    ran = CliRunner().invoke(redact, ["--no-ner", "--report"], input=json.dumps(document))
    assert json.loads(ran.stdout)["turns"][0]["text"] == "call [PHONE_1]"
    assert json.loads(ran.stderr)["counts"] == {"PHONE": 1}
    assert CliRunner().invoke(redact, ["--no-ner"], input="{").exit_code == 1
