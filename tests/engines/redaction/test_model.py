"""The name model on turns: names that no rule knows, whole words, and the same answer twice."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxruntime", reason="the name model is not installed; `make setup` installs it")


def test_names_without_a_cue_are_found() -> None:
    from stream_app.engines.redaction.model import Model

    model = Model.load()
    texts = ["yesterday wilhelmina gallagher picked it up", "we paid the bill on time", "yesterday " * 400 + "end"]
    found = model.find(texts)
    assert [texts[0][span.start : span.end] for span in found[0] if span.kind == "PERSON"] == ["wilhelmina gallagher"]
    assert found[1] == ()
    assert model.find(texts) == found
