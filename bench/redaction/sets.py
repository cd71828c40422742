"""The only place that knows the labelled sets: our generator's, and files of labelled turns that lie elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.redaction.scoring import Gold
from stream_app.demo.labelled_turns import labelled_calls

Calls = list[tuple[str, list[Gold]]]

GENERATED = 300
UNSEEN_SEED = 20_261
"""No rule was looked at on this seed."""
FILES = ("harper_real", "ood_presidio_written", "ood_presidio_spoken")


def sets(folder: Path | None) -> Iterator[tuple[str, Calls]]:
    """(name, calls), each call with its ID; without a folder our own alone."""
    generated = labelled_calls(GENERATED, UNSEEN_SEED)
    yield (
        "generated, unseen seed",
        [(call[0].dialogue_id, [Gold(one.speaker, one.text, tuple(one.spans)) for one in call]) for call in generated],
    )
    if folder is None:
        return
    turns = _read(folder / "turns.jsonl")
    yield "turns, tuning half", [call for number, call in enumerate(turns) if number < len(turns) // 2]
    yield "turns, held back", [call for number, call in enumerate(turns) if number >= len(turns) // 2]
    for name in FILES:
        yield name, _read(folder / f"{name}.jsonl")


def known_of(folder: Path) -> dict[str, list[object]]:
    """Known values by call, where the folder has them."""
    path = folder / "known_values.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return {row.pop("dialogue_id"): [value for name, value in row.items() if name != "style"] for row in rows}


def _read(path: Path) -> Calls:
    calls: dict[str, list[Gold]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        spans = tuple((one["start"], one["end"], one["type"], one.get("form", "")) for one in row["spans"])
        calls.setdefault(row["dialogue_id"], []).append(Gold(row["speaker"], row["text"], spans))
    return list(calls.items())
