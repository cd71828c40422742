"""What is stated as measured names its provenance, and is what it was measured to be: not more."""

from __future__ import annotations

from stream_app.core.redaction.measured import HOW, measured


def test_recall_is_stated_with_how_and_on_what() -> None:
    for model in (True, False):
        stated = measured(model=model)
        assert stated["how"] == HOW
        assert stated["spans"]
        for row in stated["spans"].values():
            assert 0 < row["recallPercent"] <= 100
            assert row["spans"] > 0
    assert measured(model=True) != measured(model=False)
