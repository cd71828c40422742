"""Imports go one way: import-linter's contracts hold, and are seen to break when somebody breaks them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the contracts of `directory`, on the package there."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(directory), "COLUMNS": "200"},  # Wide, or names of contracts wrap.
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "stream_app", tmp_path / "stream_app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold(copied: Path) -> None:
    done = lint(copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/planted.py", "import stream_app.topics", "Imports go one way"),
        ("pipeline/planted.py", "import aiokafka", "Only runtime knows Faust and aiokafka"),
        ("runtime/planted.py", "import aiobotocore", "Only sinks.s3 knows aiobotocore"),
        ("core/planted.py", "import time", "core and providers are pure"),
        ("providers/planted.py", "import opentelemetry", "core and providers are pure"),
    ],
)
def test_a_forbidden_import_is_found(copied: Path, module: str, line: str, contract: str) -> None:
    (copied / "stream_app" / module).write_text(f'"""Planted."""\n\n{line}\n', encoding="utf-8")
    done = lint(copied)
    assert done.returncode == 1
    (broken,) = [row for row in done.stdout.splitlines() if "BROKEN" in row]
    assert broken.startswith(contract)
