"""`stream-app report`: reads packets, says what may be said, and refuses to tell of too few."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli import report as module
from stream_app.cli.report import last_week, report, text
from stream_app.core.weekly import Report, Table
from tests.core.test_weekly import packet


def given(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    async def packets() -> list[dict[str, Any]]:
        return [packet(number) for number in range(count)]

    monkeypatch.setattr(module, "_packets", packets)


def test_a_week_is_told_in_json_and_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, 7)
    result = CliRunner().invoke(report, ["--week", "2026-W23", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["calls"] == 7
    assert "7 calls with a packet" in CliRunner().invoke(report, ["--week", "2026-W23"]).output


def test_too_few_calls_are_a_negative_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, 4)
    result = CliRunner().invoke(report, ["--week", "2026-W23"])
    assert (result.exit_code, "fewer than 5" in result.output) == (1, True)


def test_what_is_no_week_is_wrong_usage() -> None:
    assert CliRunner().invoke(report, ["--week", "June"]).exit_code == 2


def test_the_last_week_that_is_over_is_the_default_also_over_new_year() -> None:
    assert last_week(datetime(2026, 6, 10, tzinfo=UTC)) == "2026-W23"
    assert last_week(datetime(2027, 1, 4, tzinfo=UTC)) == "2026-W53"


def test_withheld_groups_are_mentioned_and_not_counted() -> None:
    told = text(Report("2026-W23", 9, (Table("label", {}, 2),)))
    assert "2 groups withheld" in told
