"""A call's versions together: whole chains are clean; gaps, forks and reused numbers are named."""

from __future__ import annotations

from pathlib import Path

from stream_app.core.chain import Link, problems_of
from stream_app.core.manifest import read_manifest
from stream_app.core.packet import SupersededVersion

FIRST = read_manifest((Path(__file__).parents[1] / "data" / "golden" / "complete.manifest.json").read_bytes())


def link(version: int, name: str, before: str | None, reason: str = "late_evidence") -> Link:
    superseded = before and SupersededVersion(version=version - 1, manifest_hash=before, reason=reason)
    changed = FIRST.model_copy(update={"version": version, "supersedes": superseded or None})
    return Link(f"v{version}/{name}", name, changed)


ONE, TWO, THREE = link(1, "a", None), link(2, "b", "a"), link(3, "c", "b")


def test_a_chain_that_follows_has_no_problem() -> None:
    assert problems_of([THREE, ONE, TWO]) == []
    assert problems_of([ONE]) == []


def test_a_gap_is_named_also_a_wide_one() -> None:
    assert any("version 2 up to 2 not there" in one for one in problems_of([ONE, THREE]))
    assert any("version 1 up to 1 not there" in one for one in problems_of([TWO]))
    assert len(problems_of([ONE, link(2**50, "z", "y")])) == 1


def test_a_fork_and_a_number_used_twice_are_named() -> None:
    found = problems_of([ONE, TWO, link(2, "other", "a")])
    assert any("number 2 is used twice" in one for one in found)
    assert any("a fork" in one and "v2/other" in one for one in found)


def test_a_link_to_another_predecessor_is_named() -> None:
    assert any("another version 1" in one for one in problems_of([ONE, link(2, "b", "x")]))
    assert any("does not say why" in one for one in problems_of([ONE, link(2, "b", "a", reason="")]))
    assert any("supersedes none" in one for one in problems_of([ONE, link(2, "b", None)]))
