"""The hand-off checklist: every line holds of the contract's packet, and of each fault exactly its line says no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stream_app.core.checklist import LINES, checklist_of
from stream_app.core.manifest import Manifest
from stream_app.core.packet import GateResult
from tests.core.gates.subjects import gathered_for
from tests.core.test_seal import sealed
from tests.examples import changed, contract_order, without


def manifest(**fields: Any) -> Manifest:
    return sealed(contract_order()).model_copy(update=fields)


def results(made: Manifest) -> dict[str, str]:
    return {one.line: one.result for one in checklist_of(made)}


def review(**fields: Any) -> Manifest:
    made = manifest()
    return made.model_copy(update={"review": made.review.model_copy(update=fields)})


def objects(name: str, **fields: Any) -> Manifest:
    made = manifest()
    return made.model_copy(
        update={"objects": tuple(one.model_copy(update=fields) if one.name == name else one for one in made.objects)}
    )


def tool(**fields: Any) -> Manifest:
    made = manifest()
    return made.model_copy(
        update={"tool_evidence": (made.tool_evidence[0].model_copy(update=fields), made.tool_evidence[1])}
    )


def evaluated(**fields: Any) -> Manifest:
    made = manifest()
    assert made.evaluation_result is not None
    return made.model_copy(update={"evaluation_result": made.evaluation_result.model_copy(update=fields)})


def test_there_are_ten_lines_and_all_hold_of_the_contracts_packet() -> None:
    made = manifest()
    assert made.checklist == checklist_of(made)
    assert [one.line for one in made.checklist or ()] == [name for name, _ in LINES]
    assert list(results(made).values()) == ["yes"] * 10


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("one_call_identity", lambda: manifest(provider_aliases={})),
        ("one_call_identity", lambda: manifest(gates=(GateResult(gate="identity", verdict="block", reasons=("x",)),))),
        ("reason_and_owner", lambda: review(owner=" ")),
        ("redaction_state", lambda: objects("redactedTranscript", redaction_state="unknown")),
        ("audio_pointer", lambda: objects("audio", source_uri="s3://elsewhere/a.wav")),
        ("audio_pointer", lambda: objects("audio", uri="https://example.org/a.wav?X-Amz-Signature=1")),
        ("trace", lambda: manifest(trace_id=None)),
        ("trace", lambda: manifest(objects=tuple(one for one in manifest().objects if one.name != "trace"))),
        ("tool_summaries", lambda: tool(argument_summary=None)),
        ("tool_summaries", lambda: tool(result_summary=None)),
        ("tool_summaries", lambda: tool(latency_ms=None)),
        ("evaluation", lambda: evaluated(rubric=None)),
        ("evaluation", lambda: evaluated(score=None)),
        ("evaluation", lambda: evaluated(evaluator_version=None)),
        ("manifest_version", lambda: manifest(version=2)),
        ("review_outcomes", lambda: review(allowed_outcomes=("bug",))),
        ("retention_class", lambda: objects("audio", retention_class="another")),
    ],
)
def test_each_fault_is_said_by_its_own_line_and_no_other(line: str, fault: Callable[[], Manifest]) -> None:
    found = checklist_of(fault())
    assert [one.line for one in found if one.result == "no"] == [line]
    assert all((one.reason is None) == (one.result == "yes") for one in found)


def test_what_is_missing_is_a_no_and_what_is_not_required_does_not_apply() -> None:
    order = without(contract_order(), "recording")
    terms = order.review.model_copy(update={"required": tuple(k for k in order.review.required if k != "recording")})
    kept = [one for one in gathered_for(contract_order()).artifacts if one.name != "audio"]
    bare = changed(order, review=terms)
    made = sealed(bare, type(gathered_for(order))(artifacts=tuple(kept), transcript=gathered_for(order).transcript))
    assert results(made)["audio_pointer"] == "not_applicable"
    gap = made.model_copy(update={"required": ("recording",)})
    assert results(gap)["audio_pointer"] == "no"


def test_lines_of_artifacts_do_not_apply_to_figures() -> None:
    found = results(manifest(export_level="aggregate_only", objects=()))
    assert found["redaction_state"] == found["audio_pointer"] == "not_applicable"


def test_a_trace_is_for_engineers() -> None:
    assert results(review(owner="qa", reviewers=("qa",)).model_copy(update={"trace_id": None}))["trace"] == (
        "not_applicable"
    )
