"""A copy of packets judged whole: without a key nothing is proved, and a file too many or too few is named."""

from __future__ import annotations

import pytest

from stream_app.core.copies import judge
from tests.tools.sealed_copy import sealed


def check(_key: bytes, _signature: bytes, _message: bytes) -> bool:
    return True


def test_without_trusted_keys_a_clean_copy_is_unproved() -> None:
    verdict = judge(sealed(), (), check, {})
    assert (verdict.intact, verdict.packets, verdict.problems) == ("unproved", 1, ())


@pytest.mark.parametrize("part", ["manifest.json", "/signatures/", "artifacts/sha256/"])
def test_a_file_that_is_gone_is_named(part: str) -> None:
    files = sealed()
    gone = next(name for name in files if part in name)
    verdict = judge({name: body for name, body in files.items() if name != gone}, (), check, {})
    assert verdict.intact == "no"
    assert any(gone in problem for problem in verdict.problems)


def test_a_file_that_belongs_to_nothing_is_named() -> None:
    verdict = judge({**sealed(), "notes.txt": b"x"}, (), check, {})
    assert verdict.problems == ("notes.txt: belongs to no manifest here",)


def test_an_empty_copy_proves_nothing() -> None:
    assert judge({}, (), check, {}).intact == "unproved"
