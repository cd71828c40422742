"""A retention class that ends in days says how long; any other says nothing."""

from __future__ import annotations

import pytest

from stream_app.core.retention import days_of


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("qa_180d", 180), ("compliance_365d", 365), ("a_b_1d", 1), ("qa", None), ("qa_0d", None), ("qa_180", None),
        ("qa_180d_raw", None), ("180d", None), ("", None), ("qa_1234567d", None),
    ],
)  # fmt: skip
def test_days_of_a_class(name: str, days: int | None) -> None:
    assert days_of(name) == days
