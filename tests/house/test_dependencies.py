"""Dependencies: pinned exactly where private names are used, and locked with hashes throughout."""

from __future__ import annotations

from tests.house import rules

EXACT = ("faust-streaming==0.15.3", "aiokafka==0.14.0", "mode-streaming==0.7.1")
"""Runtime relies on private names of these; another version needs the conformance tests first."""

PYPROJECT = (rules.ROOT / "pyproject.toml").read_text(encoding="utf-8")
LOCK = (rules.ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_stream_engine_is_pinned_exactly() -> None:
    assert rules.loose_pins(PYPROJECT, EXACT) == []
    have = rules.locked(LOCK)
    assert [f"{name}=={have[name][0]}" for name in ("faust-streaming", "aiokafka", "mode-streaming")] == list(EXACT)


def test_a_loosened_pin_is_found() -> None:
    loose = PYPROJECT.replace('"aiokafka==0.14.0"', '"aiokafka>=0.14"')
    assert rules.loose_pins(loose, EXACT) == ["aiokafka==0.14.0"]


def test_the_lock_hashes_everything_and_agrees_with_pyproject() -> None:
    assert len(rules.locked(LOCK)) > 50
    assert rules.lock_disagreements(PYPROJECT, LOCK) == []


def test_a_lock_that_disagrees_is_found() -> None:
    drifted = LOCK.replace("aiokafka==0.14.0", "aiokafka==0.13.0")
    assert rules.lock_disagreements(PYPROJECT, drifted) == ["aiokafka==0.14.0 is locked to 0.13.0"]
    added = PYPROJECT.replace('"rich>=13.9",', '"rich>=13.9",\n    "leftpad>=1",')
    assert rules.lock_disagreements(added, LOCK) == ["leftpad is not in the lock"]
    bare = LOCK + "\nleftpad==1.0\n"
    assert rules.lock_disagreements(PYPROJECT, bare) == ["leftpad has no hash"]
