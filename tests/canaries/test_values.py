"""Canaries are many, each one its own, and every form of each is found in bytes that hold it."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from tests.canaries.scan import found, keep
from tests.canaries.values import personal, secrets

ALL = [*personal(400, 7), *secrets(7)]


def test_there_are_as_many_as_were_asked_for_and_none_is_another() -> None:
    assert len({one.text for one in personal(1000, 7)}) == 1000
    assert len({one.kind for one in secrets(7)}) == 40
    texts = [one.text for one in ALL]
    assert not any(one in other for one in texts for other in texts if one is not other)
    assert personal(10, 1) == personal(10, 1) != personal(10, 2)


@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
@pytest.mark.parametrize("behind", [b"", b"y", b"yz"])
def test_every_canary_is_found_in_base64_wherever_it_begins(tmp_path: Path, before: bytes, behind: bytes) -> None:
    for number, one in enumerate(ALL):
        keep(tmp_path / "surfaces", str(number), "x", b64encode(before + one.text.encode() + behind))
    seen = found(ALL, tmp_path / "surfaces")
    for number, one in enumerate(ALL):
        assert f"{one.kind}: {one.text}" in seen[str(number)]


def test_every_canary_is_found_in_plain_json_and_hex(tmp_path: Path) -> None:
    for number, one in enumerate(ALL):
        keep(tmp_path / "surfaces", f"json-{number}", "x", json.dumps({"value": one.text}).encode())
        keep(tmp_path / "surfaces", f"hex-{number}", "x", one.text.encode().hex().encode())
    seen = found(ALL, tmp_path / "surfaces")
    assert len(seen) == 2 * len(ALL)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    keep(tmp_path / "surfaces", "clean", "x", b"call-1 ended at 2026-06-03T18:40:12.100Z, +15005 and 5550")
    assert found(ALL, tmp_path / "surfaces") == {}
