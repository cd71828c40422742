"""`stream-app demo-providers` before anything is started: usage; the run itself is in tests/scenarios."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from stream_app.__main__ import cli


def test_data_that_is_no_sample_is_wrong_usage_and_starts_nothing(tmp_path: Path) -> None:
    data = tmp_path / "joins"
    data.mkdir()
    run = CliRunner().invoke(cli, ["demo-providers", "--data", str(data), "--dir", str(tmp_path / "stack")])
    assert (run.exit_code, (tmp_path / "stack").exists()) == (2, False)
    assert "no .json files" in run.output


def test_help_says_what_the_exit_codes_mean() -> None:
    run = CliRunner().invoke(cli, ["demo-providers", "--help"])
    assert run.exit_code == 0
    assert "Exit 0 when each call has its one packet" in run.output
