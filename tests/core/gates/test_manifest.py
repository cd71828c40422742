"""The manifest gate: a version, final artifacts, an unbroken chain."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, doubled, holds, order_with, superseding

CASES: tuple[Case, ...] = (
    ("block", lambda: order_with(version=0), "no version"),
    ("block", lambda: order_with(version=2), "does not say what"),
    ("block", lambda: superseding(version=1, manifest_hash="unknown"), "could not be read"),
    ("block", lambda: superseding(version=3, manifest_hash="sha256:" + "1" * 64), "supersedes version 3"),
    ("block", lambda: doubled("evaluation"), "two artifacts are called evaluation"),
    ("pass", lambda: superseding(version=1, manifest_hash="sha256:" + "1" * 64), ""),
)


@pytest.mark.parametrize("case", CASES)
def test_manifest(case: Case) -> None:
    holds("manifest", case)
