"""The contract every gate keeps: it passes the good call, rejects its own bad one alone, and never raises.

A gate's cases stand in its own `test_<gate>.py`; a gate of `GATES` without such a file fails here.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.core.artifacts import Artifact
from stream_app.core.events import Reference
from stream_app.core.gates import GATES, check_all
from stream_app.core.packet import GateName, GateResult
from stream_app.core.seal import Gathered
from stream_app.core.transcripts import TranscriptReport
from tests.core.gates.subjects import Case, good_subject, result, subject_of
from tests.examples import contract_order, without

NAMES: tuple[GateName, ...] = get_args(GateName)


def cases_of(name: GateName) -> tuple[Case, ...]:
    cases: tuple[Case, ...] = import_module(f"tests.core.gates.test_{name}").CASES
    return cases


def test_there_is_one_gate_for_each_name_in_the_packets_order() -> None:
    assert tuple(name for name, _ in GATES) == NAMES
    assert tuple(one.gate for one in check_all(good_subject())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_passes_the_contracts_call(name: GateName) -> None:
    assert result(name, good_subject()) == GateResult(gate=name, verdict="pass", reasons=())


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_rejects_its_own_bad_case_and_no_other_gate_does(name: GateName) -> None:
    rejected = [subject for verdict, subject, _ in cases_of(name) if verdict == "block"]
    assert rejected
    for subject in rejected:
        assert [one.gate for one in check_all(subject()) if one.verdict == "block"] == [name]


def test_packets_of_figures_only_need_no_artifacts() -> None:
    subject = replace(good_subject(), artifacts=(), transcript=None, recording=None)
    review = subject.order.review.model_copy(update={"export_level": "aggregate_only"})
    figures = replace(subject, order=subject.order.model_copy(update={"review": review}))
    assert [one.verdict for one in check_all(figures)] == ["pass"] * len(GATES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.sets(st.sampled_from(["call", "transcript", "tools", "recording", "trace", "evaluation"])),
    version=st.integers(0, 3),
    artifacts=st.sets(st.sampled_from(["redactedTranscript", "audio", "toolEvidence"])),
    problems=st.lists(st.text(max_size=5), max_size=2),
    level=st.sampled_from(["aggregate_only", "redacted_packet", "raw_restricted"]),
    reference=st.none() | st.builds(
        Reference, uri=st.just("s3://a/b"), channels=st.none() | st.integers(1, 64),
        duration_ms=st.none() | st.integers(0, 2**53 - 1),
    ),
)  # fmt: skip
def test_gates_never_raise(
    kinds: set[str], version: int, artifacts: set[str], problems: list[str], level: str, reference: Reference | None
) -> None:
    order = without(contract_order(), *kinds).model_copy(update={"version": version})
    order = order.model_copy(update={"review": order.review.model_copy(update={"export_level": level})})
    kept: tuple[Artifact, ...] = tuple(one for one in good_subject().artifacts if one.name in artifacts)
    report = TranscriptReport(problems=tuple(problems))
    for one in check_all(subject_of(order, Gathered(artifacts=kept, transcript=report, recording=reference))):
        assert (one.verdict == "pass") == (not one.reasons)
