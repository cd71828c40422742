"""Where providers' samples lie: our own beside the tests, and the public ones that the project does not carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

OWN = Path(__file__).parent / "fixtures"
PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "providers"


def own(provider: str) -> list[Any]:
    """Our fixtures of a provider: made up by us to the documented shapes."""
    return [case.values[0] for case in own_cases(provider)]


def own_cases(provider: str) -> list[Any]:
    """The same, named by their files."""
    return [_case(path) for path in sorted((OWN / provider).glob("*.json"))]


def public_cases(provider: str) -> list[Any]:
    """Public samples of a provider; a skipped case where they are not on this machine."""
    found = [_case(path) for path in sorted((PUBLIC / provider).glob("[0-9]*.json"))]
    return found or [pytest.param(None, id="absent", marks=pytest.mark.skip(f"{PUBLIC / provider} is not here"))]


def public(name: str) -> Any:
    """One public sample, `twilio/01-status-callback-completed.json`; skips the test where it is absent."""
    path = PUBLIC / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return json.loads(path.read_text(encoding="utf-8"))


def _case(path: Path) -> Any:
    return pytest.param(json.loads(path.read_text(encoding="utf-8")), id=path.stem)
