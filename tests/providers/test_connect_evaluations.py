"""Connect's judgements: shares, questions as assertions, corrections apart, and no judge by name."""

from __future__ import annotations

import json

from tests.providers.trying import Trying

CONNECT = Trying("connect")


def test_a_form_gives_its_share_its_questions_and_its_version() -> None:
    made = CONNECT.only(CONNECT.own("evaluation"))
    assert (made.score, made.label, made.failure_label) == (0.0, "failed", "automatic_fail"), "0 is a value"
    assert (made.rubric, made.rubric_version, made.evaluator) == ("Refund policy", "3", "connect/automated")
    assert [(one.name, one.passed, one.severity) for one in made.assertions] == [
        ("Was the policy read out?", False, "critical"), ("Was the caller greeted?", True, None),
    ]  # fmt: skip
    assert "ada" not in json.dumps(made.to_dict())


def test_a_form_submitted_again_is_another_report_of_one_evaluation() -> None:
    document = CONNECT.own("evaluation")
    once = CONNECT.only(document)
    document["metadata"] |= {"evaluationSubmitTimestamp": "2026-09-20T12:00:00.000Z", "score": {"percentage": 80}}
    again = CONNECT.only(document)
    assert again.evaluation_id == once.evaluation_id
    assert again.event_id != once.event_id
    assert again.score == 0.8


def test_a_rule_that_matched_is_a_judgement_by_its_name() -> None:
    made = CONNECT.only(CONNECT.own("rule-matched"))
    assert (made.rubric, made.label, made.rubric_version) == ("refund promised", "rule_matched", "1.0")
    assert made.aliases == {"connectContactId": "0c0c0c0c-1111-4222-8333-aaaaaaaaaaaa"}
