"""A short slice of the fuzz run, and its negative control: the harness finds a bug that is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.providers.registry import PROVIDERS
from tests.fuzz.target import CONTROL, Defect, bent, check, seeds, target

ROOT = Path(__file__).parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *options], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    found = run("--control", "--plain", "--minutes", "0.2", "--dir", str(tmp_path))
    assert found.returncode == 0, found.stderr
    assert "defect" in found.stdout or "failed on it" in found.stdout
    (payload,) = (tmp_path / CONTROL.name).iterdir()
    with pytest.raises(Defect):
        check(CONTROL, payload.read_bytes())


def test_a_seeded_slice_finds_nothing(tmp_path: Path) -> None:
    found = run("--plain", "--minutes", "0.15", "--seed", "11", "--dir", str(tmp_path))
    assert found.returncode == 0, found.stdout


def test_bending_is_seeded_and_stays_json() -> None:
    for provider in PROVIDERS:
        first = seeds(provider.name)[0]
        assert bent(first, 3) == bent(first, 3)
        assert {bent(first, seed) for seed in range(20)} != {first}
    assert target("vapi").name == "vapi"
    assert bent(b"{", 1)
