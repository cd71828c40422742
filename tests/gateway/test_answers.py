"""What a webhook can be answered: a status for every outcome, and typed reasons only."""

from __future__ import annotations

import pytest

from stream_app.gateway.answers import OUTCOMES, STATUS, Answer


def test_every_outcome_has_a_status_and_only_what_is_ours_is_acknowledged() -> None:
    assert set(STATUS) == set(OUTCOMES)
    assert {outcome for outcome in OUTCOMES if STATUS[outcome] == 200} == {"accepted", "nothing_to_report", "duplicate"}


@pytest.mark.parametrize("outcome", ["busy", "unavailable", "stopping"])
def test_who_may_come_again_is_told_when(outcome: str) -> None:
    assert int(Answer(outcome).headers["Retry-After"]) >= 1  # type: ignore[arg-type]
    assert Answer("refused", "unknown_shape").headers == {}


def test_bodies() -> None:
    assert Answer("accepted", event_ids=("a", "b")).to_dict() == {"accepted": 2, "eventIds": ["a", "b"]}
    assert Answer("duplicate").to_dict() == {"accepted": 0, "eventIds": [], "duplicate": True}
    assert Answer("not_authentic", "wrong_signature").to_dict() == {"refused": "wrong_signature"}
    assert Answer("defect").to_dict() == {"refused": "defect"}
    assert Answer("nothing_to_report", "nothing_to_report").to_dict()["reason"] == "nothing_to_report"
