"""The only place for the evaluation gate: a score that can still be interpreted next year."""

from __future__ import annotations

from stream_app.core.gates.subject import Subject, absence, verdict
from stream_app.core.packet import GateResult

RULES = (
    "block: a score or label without rubric, rubric version and evaluator version",
    "block: neither score nor label",
    "block: a required evaluation is absent and not named; warn: it is named in missing[]",
    "warn: assertions failed and no failure label says how",
)


def check(subject: Subject) -> GateResult:
    """Blocks on a score or label without rubric, version and evaluator version; warns on an unnamed failure."""
    result = subject.evaluation
    if result is None:
        block, warn = absence(subject, "evaluation")
        return verdict("evaluation", block=block, warn=warn)
    needed = {
        "rubric": result.rubric,
        "rubric version": result.rubric_version,
        "evaluator version": result.evaluator_version,
    }
    lacking = [name for name, value in needed.items() if not value]
    block = [f"the evaluation cannot be interpreted: it has no {', no '.join(lacking)}"] if lacking else []
    if result.score is None and result.label is None:
        block.append("the evaluation has neither score nor label")
    warn = []
    if result.failure_label is None and subject.facts.values.get("failedAssertions"):
        warn.append("assertions failed and no failure label says how")
    return verdict("evaluation", block=block, warn=warn)
