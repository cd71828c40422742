"""`stream-app convert` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.cli.convert import convert
from stream_app.demo.generator import generate
from stream_app.demo.validity import problem_of

START = "2026-06-03T18:00:00Z"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(told.model_dump_json() + "\n" for told in generate(40, 4)))
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(convert, [str(word) for word in words])


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_events_are_printed_in_sending_order_and_meet_the_contract(calls: Path) -> None:
    result = run(calls)
    assert result.exit_code == 0, result.output
    lines = lines_of(result.stdout)
    assert [line["atMs"] for line in lines] == sorted(line["atMs"] for line in lines)
    assert all(problem_of(line["topic"], line["event"]) is None for line in lines)
    assert all(line["topic"] == line["event"]["type"] and line["key"] for line in lines)
    assert result.stderr == f"40 calls, {len(lines)} events; their objects are only written with --out DIR\n"


def test_the_same_input_seed_and_start_give_the_same_bytes(calls: Path) -> None:
    assert run(calls, "--start", START).stdout == run(calls, "--start", START).stdout
    assert run(calls, "--start", START).stdout != run(calls, "--start", START, "--seed", "8").stdout


def test_a_directory_gets_a_file_a_topic_and_every_object_that_events_point_at(calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(calls, "--complete", "--start", START, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    written = {path.stem: lines_of(path.read_text()) for path in out.glob("*.jsonl")}
    printed = Counter(line["topic"] for line in lines_of(run(calls, "--complete", "--start", START).stdout))
    assert {topic: len(lines) for topic, lines in written.items()} == printed
    references = [line["event"].get(kind) for line in written["call-ended"] for kind in ("transcript", "recording")]
    references += [line["event"]["reference"] for line in written["artifact-ready"]]
    stated = {one["uri"]: one for one in references if one}
    assert len(stated) == 80
    for uri, one in stated.items():
        body = (out / "objects" / uri.removeprefix("s3://")).read_bytes()
        assert (sha256(body).hexdigest(), len(body)) == (one["sha256"], one["sizeBytes"])


def test_complete_withholds_and_repeats_nothing(calls: Path) -> None:
    def ids(*words: str) -> Counter[str]:
        return Counter(line["event"]["eventId"] for line in lines_of(run(calls, *words).stdout))

    whole, usual = ids("--complete"), ids()
    assert set(whole.values()) == {1}
    assert sum(name.endswith(":call-ended:1") for name in whole) == 40
    assert max(usual.values()) == 2


def test_every_bad_line_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.jsonl", tmp_path / "out"
    bad.write_text('{"call_id":"a"}\nnonsense\n{"call_id":"a"}\n{"call_id":"b","turns":3}\n')
    result = run(bad, "--out", out)
    assert result.exit_code == 2
    for text in (
        "bad.jsonl:2: not JSON",
        "bad.jsonl:3: call_id 'a' already stands at bad.jsonl:1",
        "bad.jsonl:4: turns",
    ):
        assert text in result.stderr
    assert not out.exists()
    assert result.stdout == ""


def test_what_makes_no_valid_event_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"call_id":"a","measures":{"minAsrConfidence":7}}\n')
    result = run(bad)
    assert result.exit_code == 2
    assert "call_id 'a' makes no valid event: call-ended: measures.minAsrConfidence" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "Missing argument"),
        (["{calls}", "--start", "yesterday"], "not an RFC 3339 timestamp"),
        (["{calls}", "--speed", "0"], "not in the range"),
        (["{calls}", "--out", "{calls}"], "is not an empty directory"),
        (["{tmp}/empty.jsonl"], "no conversations in"),
        (["{tmp}/gone.jsonl"], "does not exist"),
    ],
)
def test_wrong_use_is_explained(calls: Path, tmp_path: Path, words: list[str], text: str) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    result = run(*(word.format(calls=calls, tmp=tmp_path) for word in words))
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.output


def test_a_reader_that_has_enough_is_no_error(calls: Path) -> None:
    command = f"'{sys.executable}' -m stream_app convert '{calls}' | head -n 1"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert len(lines_of(result.stdout)) == 1
    assert result.stderr == ""


def test_help_names_the_page() -> None:
    assert "docs/converter.md" in run("--help").output


def test_an_output_that_cannot_be_written_is_an_error_of_the_surroundings(calls: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run(calls, "--out", tmp_path / "file" / "out")
    assert result.exit_code == 3
    assert "cannot write" in result.stderr
    assert "Traceback" not in result.output
