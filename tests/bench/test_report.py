"""Results as files: merging, the table, its place in the README."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import report, targets
from bench.figures import FIGURES
from bench.figures.figure import Measured

BEGAN = datetime(2026, 6, 3, 18, 40, tzinfo=UTC)
ORDER = [figure.name for figure in FIGURES]


def results() -> dict[str, Any]:
    by_name = {figure.name: figure for figure in FIGURES}
    told = {"runs": 3, "calls": 40000, "origin": {"commit": "abc", "loadAverage": [0.5, 1, 1]}}
    spread = {"min": 1000.0, "median": 2000.0, "max": 3000.0, "runs": 3}
    side = {"title": "Quix", "side": "quix", "guarantee": "some", "events": 100, "residentMb": 5}
    details = {
        "sides": [{**side, "perCpuSecond": spread, "perSecond": spread}],
        "oursOver": {"quix": {"min": 3.0, "median": 4.0, "max": 5.0}},
    }
    join = Measured([targets.row("join.quix", 4.1)], details)
    late = Measured([targets.row("deadline.p99", 2.5)])
    merged: dict[str, Any] = {}
    for name, measured in (("join", join), ("deadlines", late)):
        entry = report.entry(by_name[name], measured, began=BEGAN, settings=told)
        merged = report.merged(merged, name, entry)
    return merged


def test_the_table_shows_aims_beside_what_was_measured() -> None:
    table = report.markdown(results(), ORDER)
    assert "| join over Quix Streams | 4.00 x | 3.50 x | 6.00 x | 4.10 x | must reached |" in table
    assert "| deadline overshoot on a silent cluster: p99 | - | 1.00 s | - | 2.50 s | not reached |" in table
    assert "| Quix | some | 100 | 1,000 / 2,000 / 3,000 | 1,000 / 2,000 / 3,000 | 3.00 / 4.00 / 5.00 | 5 MB |" in table
    assert "| deadlines | 2026-06-03T18:40:00Z | abc | 3 | 0.5 | calls 40,000 |" in table


def test_one_figure_measured_again_leaves_the_others() -> None:
    before = results()
    after = report.merged(before, "join", {"rows": [], "title": "new"})
    assert after["figures"]["join"] == {"rows": [], "title": "new"}
    assert after["figures"]["deadlines"] == before["figures"]["deadlines"]


def test_the_readme_keeps_all_but_the_table(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# a\n{report.BEGIN}\nold\n{report.END}\nz\n")
    report.save(results(), ORDER, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# a\n")
    assert text.endswith("\nz\n")
    assert "old" not in text
    assert "join over Quix Streams" in text
    assert report.load(tmp_path) == results()
    assert (tmp_path / "results" / "latest.md").read_text() == report.markdown(results(), ORDER)
    assert report.load(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("readme", ["", report.BEGIN, f"{report.BEGIN}{report.BEGIN}{report.END}"])
def test_a_readme_without_its_marks_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        report.placed(readme, "table")


def test_the_committed_readme_shows_the_committed_results() -> None:
    here = Path(report.__file__).parent
    found = report.load(here)
    if not found:
        pytest.skip("nothing was measured yet: bench/results/latest.json is absent")
    readme = (here / "README.md").read_text()
    assert readme == report.placed(readme, report.markdown(found, ORDER))
