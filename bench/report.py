"""The only place where results become files: latest.json, the table in markdown, its place in the README."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures.figure import Figure, Measured

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"


def entry(figure: Figure, measured: Measured, *, began: datetime, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A figure's part of the results file."""
    return {
        "title": figure.title,
        "measuredAt": began.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "settings": dict(settings),
        "rows": measured.rows,
        "details": measured.details,
    }


def origin(root: Path) -> dict[str, Any]:
    """Which software on which machine: the commit (with `+` where files differ from it), cores, load, versions."""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    dirty = "+" if commit and _git(root, "status", "--porcelain", "--untracked-files=no", "--", "stream_app") else ""
    return {
        "commit": f"{commit}{dirty}" if commit else None,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "loadAverage": [round(one, 2) for one in os.getloadavg()],
    }


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def merged(old: Mapping[str, Any], name: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """The results with one figure's entry put in or replaced; the others stay as they were measured."""
    return {"schemaVersion": 1, "figures": {**old.get("figures", {}), name: dict(figure)}}


def markdown(results: Mapping[str, Any], order: list[str]) -> str:
    """All figures as tables."""
    figures = {name: results["figures"][name] for name in order if name in results["figures"]}
    lines = ["| figure | prototype | must | stretch | measured | |", "|---|---|---|---|---|---|"]
    for figure in figures.values():
        for row in figure["rows"]:
            aims = [_number(row[name], row["unit"]) for name in ("prototype", "must", "stretch", "measured")]
            lines.append(f"| {row['title']} | {' | '.join(aims)} | {row['verdict']} |")
    if "join" in figures:
        lines += ["", *_sides(figures["join"]["details"])]
    lines += ["", "| figure | measured at | commit | runs | load before | |", "|---|---|---|---|---|---|"]
    for name, figure in figures.items():
        told = figure["settings"]
        origin_ = told.get("origin", {})
        sizes = ", ".join(f"{key} {value:,}" for key, value in sorted(told.items()) if key not in ("origin", "runs"))
        load = (origin_.get("loadAverage") or ["?"])[0]
        lines.append(
            f"| {name} | {figure['measuredAt']} | {origin_.get('commit')} | {told.get('runs', 1)} | {load} | {sizes} |"
        )
    return "\n".join(lines) + "\n"


def _sides(details: Mapping[str, Any]) -> list[str]:
    lines = [
        "| join, backlog (min / median / max) | guarantee and state | events | events per CPU-second "
        "| events/s by the wall | ours over it | resident |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for side in details["sides"]:
        over = details["oursOver"].get(side["side"])
        lines.append(
            f"| {side['title']} | {side['guarantee']} | {side['events']:,} | {_spread(side['perCpuSecond'])} "
            f"| {_spread(side['perSecond'])} | {_ratio(over)} | {side['residentMb']} MB |"
        )
    return lines


def _spread(spread: Mapping[str, float]) -> str:
    return " / ".join(f"{spread[name]:,.0f}" for name in ("min", "median", "max"))


def _ratio(spread: Mapping[str, float] | None) -> str:
    return "" if spread is None else " / ".join(f"{spread[name]:.2f}" for name in ("min", "median", "max"))


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{text} {unit}"


def placed(readme: str, table: str) -> str:
    """The README with the table between its marks. Raises ValueError where the marks are not there once each."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError("the README must have each of the two marks once")
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n\n{table}\n{END}{rest.split(END)[1]}"


def save(results: Mapping[str, Any], order: list[str], directory: Path) -> None:
    """Write `results/latest.json` and `results/latest.md`, and put the table into README.md."""
    table = markdown(results, order)
    (directory / "results").mkdir(exist_ok=True)
    (directory / "results" / "latest.json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    (directory / "results" / "latest.md").write_text(table)
    readme = directory / "README.md"
    readme.write_text(placed(readme.read_text(), table))


def load(directory: Path) -> dict[str, Any]:
    """The results that are there; {} where there are none."""
    path = directory / "results" / "latest.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found
