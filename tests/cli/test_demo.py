"""What `stream-app demo` answers before and after the run itself; the run is in tests/scenarios/test_demo.py."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from stream_app.cli import demo as command
from stream_app.dev.stack import Stack


@pytest.fixture(autouse=True)
def _no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in what was asked must be said before a broker is started."""

    def refuse(*_: Any) -> None:
        raise AssertionError("the stack was started")

    monkeypatch.setattr(Stack, "up", refuse)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (None, "does not exist"),
        ({}, "no .jsonl files in"),
        ({"a.jsonl": "\n"}, "no conversations in"),
        ({"a.jsonl": "nonsense\n"}, "a.jsonl:1: not JSON"),
        (dict.fromkeys(("a.jsonl", "b.jsonl"), '{"call_id":"c"}\n'), "b.jsonl:1: call_id 'c' already stands at a"),
        ({"a.jsonl": '{"call_id":"c","queue":""}\n'}, "call_id 'c' makes no valid event: call-ended: queue"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_replayed_is_explained(tmp_path: Path, files: dict[str, str] | None, text: str) -> None:
    data = tmp_path / "data"
    if files is not None:
        data.mkdir()
        for name, content in files.items():
            (data / name).write_text(content)
    result = CliRunner().invoke(command.demo, ["--data", str(data), "--dir", str(tmp_path / "dev")])
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [["--calls", "0"], ["--speed", "1000"], ["--seed", "x"]])
def test_wrong_options_are_refused(words: list[str]) -> None:
    assert CliRunner().invoke(command.demo, words).exit_code == 2


FIGURES: dict[str, Any] = {
    "calls": 4, "events": 20, "packets": {"complete": 1, "incomplete": 1}, "missing": {"evaluation (never_seen)": 1},
    "reasons": {"failed_tool_call": 2}, "laterVersions": 1, "withoutReason": 2, "neverIdentified": 0,
    "alerts": {}, "deadLetters": {}, "accounting": {"used": 20, "duplicate": 0},
    "evidenceToPacketMs": {"p50": 80, "p99": 120, "of": 1}, "manifestsVerified": 3, "manifests": 3,
    "differences": [], "anyAlias": "livekitRoom:room-1", "workerPid": None, "topicPrefix": "demo-1.",
    "workerLog": "demo/worker.log",
}  # fmt: skip


def shown(kept: Path | None = None, **fields: Any) -> str:
    out = io.StringIO()
    command._show({**FIGURES, **fields}, kept, Console(file=out, width=160))
    return out.getvalue()


def test_the_table_says_what_came_out_and_how_to_look_further() -> None:
    text = shown()
    for part in (
        "4 (as 20 events)", "1 complete, 1 incomplete", "1 evaluation (never_seen)", "p50 80 ms, p99 120 ms",
        "3 of 3", "Everything adds up", "stream-app packets tail --from-beginning", "KEEP=1",
        "stream-app why --offline livekitRoom:room-1", "STREAM_APP_TOPIC_PREFIX=demo-1.",
    ):  # fmt: skip
        assert part in text


def test_differences_are_shown_first_ones_first_with_the_log() -> None:
    text = shown(differences=[f"call_{number}: no packet" for number in range(30)])
    assert "30 differences from the ground truth" in text
    assert "call_0: no packet" in text
    assert "call_29: no packet" not in text
    assert "demo/worker.log" in text
    assert "Everything adds up" not in text


def test_what_is_kept_running_says_how_to_stop_it() -> None:
    text = shown(Path(".dev"), workerPid=4711)
    assert "kill 4711; stream-app dev down --dir .dev" in text
    assert "KEEP=1" not in text


def test_without_a_terminal_progress_is_a_line_now_and_then_and_one_at_the_end() -> None:
    out = io.StringIO()
    with command.bars(Console(file=out)) as progress:
        for done in range(1_001):
            progress("replaying events", done, 1_000)
    lines = out.getvalue().splitlines()
    assert lines[-1] == "replaying events: 1000 of 1000"
    assert len(lines) <= 3
