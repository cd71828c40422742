"""The only place for the hand-off checklist: ten lines that hold of every packet that leaves, one result a line.

A line is `yes`, `no` with the reason, or `not_applicable` where the packet has nothing for it to be true of. It is
computed from the manifest's own fields, so whoever holds a manifest can compute it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from stream_app.core.model import Model

if TYPE_CHECKING:
    from stream_app.core.manifest import Manifest

Outcome = Literal["yes", "no", "not_applicable"]
LineName = Literal[
    "one_call_identity", "reason_and_owner", "redaction_state", "audio_pointer", "trace", "tool_summaries",
    "evaluation", "manifest_version", "review_outcomes", "retention_class",
]  # fmt: skip
OUTCOMES = ("no_issue", "bug", "promote_to_regression", "needs_compliance_review")


class ChecklistLine(Model):
    """One line, and whether it holds of this packet."""

    line: LineName
    result: Outcome
    reason: str | None = None
    """Why not, or why it does not apply."""


_Said = tuple[Outcome, str | None]
_YES: _Said = ("yes", None)


def _no(reason: str) -> _Said:
    return "no", reason


def _gap(manifest: Manifest, kind: str, otherwise: str) -> _Said:
    """What is not there: named as missing it is still not handed on; not required, the line does not apply."""
    for missing in manifest.missing:
        if missing.kind == kind:
            return _no(f"{kind} is missing: {missing.reason}")
    return _no(otherwise) if kind in manifest.required else ("not_applicable", f"{kind} is not required")


def one_call_identity(manifest: Manifest) -> _Said:
    """1. Every packet has one canonical call ID and provider aliases."""
    if _blocked(manifest, "identity"):
        return _no("the identity gate blocks")
    return _YES if manifest.provider_aliases else _no("no provider alias is known")


def reason_and_owner(manifest: Manifest) -> _Said:
    """2. Every packet has a selection reason and reviewer owner."""
    return _YES if manifest.review.owner.strip() else _no("no owner")


def redaction_state(manifest: Manifest) -> _Said:
    """3. Transcript redaction state is explicit."""
    found = [one.redaction_state for one in manifest.objects if one.name == "redactedTranscript"]
    if not found:
        return _gap(manifest, "transcript", "there is no transcript")
    return _YES if found[0] in ("redacted", "raw_restricted") else _no(f"it is {found[0]}")


def audio_pointer(manifest: Manifest) -> _Said:
    """4. Audio is a controlled pointer unless raw export is approved."""
    found = [one for one in manifest.objects if one.name == "audio"]
    if not found:
        return _gap(manifest, "recording", "there is no recording")
    if manifest.export_level == "raw_restricted":
        return _YES
    if found[0].source_uri is not None:
        return _no("the recording was copied")
    return _no("the pointer is signed") if "?" in found[0].uri else _YES


def trace(manifest: Manifest) -> _Said:
    """5. Trace ID and key span summary are attached for engineering packets."""
    if "engineering" not in (manifest.review.owner, *manifest.review.reviewers):
        return "not_applicable", "no engineer reviews it"
    if manifest.trace_id is None:
        return _no("no trace ID is known")
    if manifest.export_level == "aggregate_only" or any(one.name == "trace" for one in manifest.objects):
        return _YES
    return _no("no key span summary is attached")


def tool_summaries(manifest: Manifest) -> _Said:
    """6. Tool-call summaries include request, result, latency, retry, and side-effect proof."""
    if not manifest.tool_evidence:
        return _gap(manifest, "tools", "there is no tool evidence")
    lacking = sorted(
        {
            what
            for tool in manifest.tool_evidence
            for what, lacks in (
                ("request", tool.argument_summary is None),
                ("result", tool.result_summary is None and tool.status == "succeeded"),
                ("latency", tool.latency_ms is None),
            )
            if lacks
        }
    )
    unproved = [f.finding for f in manifest.findings if f.finding == "claimed_not_proved"]
    lacking += ["proof of what the agent claimed"] if unproved else []
    lacking += ["side-effect proof"] if _warned(manifest, "tool_evidence", "without proof") else []
    return _no(f"a tool call lacks {', '.join(lacking)}") if lacking else _YES


def evaluation(manifest: Manifest) -> _Said:
    """7. Evaluation result includes rubric, score, evaluator version, and failure label."""
    result = manifest.evaluation_result
    if result is None:
        return _gap(manifest, "evaluation", "there is no evaluation")
    needed = {"rubric": result.rubric, "score": result.score, "evaluator version": result.evaluator_version}
    lacking = [name for name, value in needed.items() if value is None]
    if result.failure_label is None and _warned(manifest, "evaluation", "failure label"):
        lacking.append("failure label")
    return _no(f"it lacks {', '.join(lacking)}") if lacking else _YES


def manifest_version(manifest: Manifest) -> _Said:
    """8. Manifest hash is written and immutable for the review version.

    The hash is over the bytes that hold this line: what a manifest can say of itself is its version and its chain.
    """
    if _blocked(manifest, "manifest"):
        return _no("the manifest gate blocks")
    return _YES if (manifest.version == 1) == (manifest.supersedes is None) else _no("the chain of versions is broken")


def review_outcomes(manifest: Manifest) -> _Said:
    """9. Review outcomes include the four."""
    lacking = [one for one in OUTCOMES if one not in manifest.review.allowed_outcomes]
    return _no(f"without {', '.join(lacking)}") if lacking else _YES


def retention_class(manifest: Manifest) -> _Said:
    """10. Retention class matches the log retention checklist: stated once, and the same of every artifact."""
    others = {one.retention_class for one in manifest.objects} - {manifest.retention_class}
    return _no("an artifact has another retention class") if others else _YES


LINES: tuple[tuple[LineName, Callable[[Manifest], _Said]], ...] = (
    ("one_call_identity", one_call_identity),
    ("reason_and_owner", reason_and_owner),
    ("redaction_state", redaction_state),
    ("audio_pointer", audio_pointer),
    ("trace", trace),
    ("tool_summaries", tool_summaries),
    ("evaluation", evaluation),
    ("manifest_version", manifest_version),
    ("review_outcomes", review_outcomes),
    ("retention_class", retention_class),
)
"""The ten lines, in the checklist's order."""


def checklist_of(manifest: Manifest) -> tuple[ChecklistLine, ...]:
    """One result a line. A packet of figures only has no artifacts for the lines about them to be true of."""
    return tuple(ChecklistLine(line=name, result=said[0], reason=said[1]) for name, said in _answers(manifest))


def _answers(manifest: Manifest) -> list[tuple[LineName, _Said]]:
    figures = manifest.export_level == "aggregate_only"
    of_artifacts = ("redaction_state", "audio_pointer", "tool_summaries")
    return [
        (name, ("not_applicable", "figures only") if figures and name in of_artifacts else answer(manifest))
        for name, answer in LINES
    ]


def _blocked(manifest: Manifest, gate: str) -> bool:
    return any(one.gate == gate and one.verdict == "block" for one in manifest.gates)


def _warned(manifest: Manifest, gate: str, told: str) -> bool:
    return any(one.gate == gate and any(told in reason for reason in one.reasons) for one in manifest.gates)
