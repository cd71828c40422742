"""The only place that reads Connect's judgements: evaluation forms filled in, and rules of Contact Lens that matched.

A form's result is written to two places and again when it is corrected: its ID and when it was submitted name it. Who
judged is a person or a machine: which of them is said, a person's name is not. Percentages become shares.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import Assertion, EvaluationCompleted
from stream_app.core.wire import Json
from stream_app.providers import carriers, times
from stream_app.providers.adapter import Delivery, Normalised, Refused, event
from stream_app.providers.connect_names import contact_in, names_of
from stream_app.providers.reading import boolean, first, fold, identifier, items, mapping, number, take, text

PASSED_FROM = 0.5
"""A question whose answer earned less than half of its points counts as failed."""
MAX_ASSERTIONS = 200


def evaluation(delivery: Delivery) -> Normalised:
    """An evaluation form's output file."""
    document = mapping(delivery.document)
    metadata = mapping(take(document, "metadata"))
    contact, own = contact_in(take(metadata, "contactId")), identifier(document, "evaluationId")
    if own is None:
        raise Refused("invalid_value", "evaluationId is no ID")
    if fold(text(metadata, "evaluationType") or "") not in ("", "contactevaluation"):
        raise Refused("nothing_to_report", "an evaluation that is not of a contact")
    names = names_of(delivery, metadata, contact, chained=False)
    if contact is None and names["canonical_call_id"] is None:
        raise Refused("identity_missing", "no contactId")
    at = times.iso(first(metadata, "evaluationSubmitTimestamp", "evaluationStartTimestamp"))
    score = mapping(take(metadata, "score"))
    assertions = _assertions(document)
    # One question that fails by itself fails its form.
    failed = boolean(score, "automaticFail") is True or any(one.severity == "critical" for one in assertions)
    share = _share(score)
    return Normalised((
        event(
            EvaluationCompleted, delivery, id=f"evaluation:{own}:{at}", at_ms=at, evaluation_id=own,
            test_run_id=carriers.test_run(metadata), rubric=text(metadata, "evaluationDefinitionTitle") or "unnamed",
            rubric_version=text(metadata, "evaluationDefinitionVersion"),
            evaluator=_evaluator(metadata), evaluator_version=text(document, "schemaVersion"),
            score=share, label="failed" if failed else None, failure_label="automatic_fail" if failed else None,
            assertions=assertions, **names,
        ),
    ))  # fmt: skip


def rule_matched(delivery: Delivery) -> Normalised:
    """A rule of Contact Lens that matched: its name is the judgement. Those of live calls and of chats are none."""
    document = delivery.document
    kind = fold(text(document, "detail-type") or "").replace(" ", "")
    if "realtime" in kind or "chat" in kind or "metrics" in kind or "email" in kind:
        raise Refused("nothing_to_report", "a rule that looks at no finished call")
    detail = mapping(take(document, "detail"))
    contact = contact_in(first(detail, "contactArn", "contact", "contactId"))
    rule, at = text(detail, "ruleName", limit=200), times.iso(take(document, "time"))
    names = names_of(delivery, detail, contact, chained=False)
    if contact is None:
        raise Refused("identity_missing", "no contactArn")
    if rule is None:
        raise Refused("unknown_shape", "a rule without a name")
    own = f"{contact}:rule:{rule}"[:256]
    return Normalised((
        event(
            EvaluationCompleted, delivery, id=f"{own}:{at}", at_ms=at, evaluation_id=own, rubric=rule,
            rubric_version=text(detail, "version"), evaluator="connect/contact-lens-rules", label="rule_matched",
            **names,
        ),
    ))  # fmt: skip


def failed(_delivery: Delivery) -> Normalised:
    """An evaluation that was made and could not be submitted or exported: nobody knows what it says."""
    raise Refused("nothing_to_report", "an evaluation that could not be written; Connect may write it later")


def _evaluator(metadata: dict[str, Any]) -> str:
    source = text(metadata, "evaluationSource", limit=64)
    if source is None:
        source = "AUTOMATED" if boolean(metadata, "autoEvaluated") else "MANUAL"
    return f"connect/{source.lower()}"


def _assertions(document: Json) -> tuple[Assertion, ...]:
    """Every question that was scored."""
    found = []
    for question in items(take(document, "questions"))[:MAX_ASSERTIONS]:
        score = mapping(take(question, "score"))
        share, fails = _share(score), boolean(score, "automaticFail") is True
        name = text(question, "questionText") or text(question, "questionRefId")
        if name is None or boolean(score, "notApplicable") is True or (share is None and not fails):
            continue
        passed = not fails and share is not None and share >= PASSED_FROM
        found.append(Assertion(name=name, passed=passed, severity="critical" if fails else None))
    return tuple(found)


def _share(score: Json) -> float | None:
    percentage = number(score, "percentage")
    return None if percentage is None or not 0 <= percentage <= 100 else percentage / 100
