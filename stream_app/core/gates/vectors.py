"""The only place for what each gate must say of which packet: the example with one thing changed, and the verdict.

They run in the tests and in `stream_app gates selftest`, and their digest stands in each manifest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_app.core.gates.example import ABSENT, EXAMPLE, Change
from stream_app.core.packet import GateName, Verdict


class Vector(NamedTuple):
    """`told` is part of the reason that the gate must give; empty for a pass."""

    gate: GateName
    verdict: Verdict
    told: str
    changes: tuple[Change, ...]


_CALL, _TOOLS, _RECORDING, _TRACE, _EVALUATION = (f"order.items.{number}" for number in range(5))
_REQUIRED: list[str] = EXAMPLE["order"]["review"]["required"]


def _gap(kind: str, reason: str = "never_seen") -> Change:
    return "missing", [{"kind": kind, "reason": reason}]


def _optional(kind: str) -> Change:
    return "order.review.required", [one for one in _REQUIRED if one != kind]


def _level(level: str) -> Change:
    return "order.review.exportLevel", level


def _doubled(index: int) -> Change:
    return "artifacts", [*EXAMPLE["artifacts"], EXAMPLE["artifacts"][index]]


def _conflict() -> Change:
    item: dict[str, Any] = EXAMPLE["order"]["items"][0]
    positions = [item["position"], {**item["position"], "offset": 99}]
    return "order.conflicts", [{"eventId": "event-0", "digests": ["0" * 64, "f" * 64], "positions": positions}]


def _opened_trace() -> Change:
    opened = {**EXAMPLE["artifacts"][0], "name": "trace"}
    return "artifacts", [*(one for one in EXAMPLE["artifacts"] if one["name"] != "trace"), opened]


_NO_TRANSCRIPT: tuple[Change, ...] = (
    ("artifacts.0", ABSENT), ("transcript", None), (f"{_CALL}.event.transcript", ABSENT),
)  # fmt: skip
_NO_RECORDING: tuple[Change, ...] = (
    ("artifacts.1", ABSENT), (_RECORDING, ABSENT), ("recording", None), ("measured", None),
)  # fmt: skip
_NO_TOOLS: tuple[Change, ...] = ((_TOOLS, ABSENT), ("artifacts.2", ABSENT))
_FORMER: dict[str, Any] = {"version": 1, "manifestHash": "sha256:" + "1" * 64, "reason": "late_evidence"}
_SECOND: Change = ("order.version", 2)

VECTORS: tuple[Vector, ...] = (
    Vector("identity", "pass", "", ()),
    Vector("identity", "block", "2 different contents", (_conflict(),)),
    Vector("identity", "block", "call is required", ((_CALL, ABSENT),)),
    Vector("identity", "warn", "call is missing: never_seen", ((_CALL, ABSENT), _gap("call"))),
    Vector("identity", "warn", "no provider alias", (("order.aliases", {}),)),
    Vector("identity", "warn", "agent version", ((f"{_CALL}.event.agentVersion", ABSENT),)),
    Vector("transcript", "pass", "", ()),
    Vector("transcript", "block", "has no turns", (
        ("artifacts.0", ABSENT),
        ("transcript", {"turns": 0, "speakers": 0, "problems": ["the transcript has no turns"]}),
    )),
    Vector("transcript", "block", "turn 3 begins before", (
        ("transcript.problems", ["turn 3 begins before the one above it"]),
    )),
    Vector("transcript", "block", "state is unknown", (("artifacts.0.redactionState", "unknown"),)),
    Vector("transcript", "block", "state is unredacted", (("artifacts.0.redactionState", "unredacted"),)),
    Vector("transcript", "pass", "", (_level("raw_restricted"), ("artifacts.0.redactionState", "unredacted"))),
    Vector("transcript", "block", "still found", (("leaks", ["PHONE"]),)),
    Vector("transcript", "block", "none that a transcript has", (("artifacts.0.mediaType", "text/html"),)),
    Vector("transcript", "block", "none that a transcript has", (("artifacts.0.mediaType", "audio/wav"),)),
    Vector("transcript", "pass", "", (("artifacts.0.mediaType", "application/vnd.provider+json; v=2"),)),
    Vector("transcript", "block", "transcript is required", _NO_TRANSCRIPT),
    Vector("transcript", "warn", "transcript is missing", (*_NO_TRANSCRIPT, _gap("transcript", "withheld_by_policy"))),
    Vector("transcript", "warn", "does not require one", (*_NO_TRANSCRIPT, _optional("transcript"))),
    Vector("audio", "pass", "", ()),
    Vector("audio", "block", "has 1 channels, the call 2", (("measured.channels", 1), ("recording.channels", None))),
    Vector("audio", "block", "has 1 channels, the call 2", (("measured", None), ("recording.channels", 1))),
    Vector("audio", "block", "has 2 channels, its reference 1", (("recording.channels", 1),)),
    Vector("audio", "block", "lasts 54000 ms, the call 60000", (("measured.durationMs", 54_000),)),
    Vector("audio", "pass", "", (("measured.durationMs", 55_000),)),
    Vector("audio", "block", "no WAV", (("measured", None), ("recordingProblem", "the recording is no WAV"))),
    Vector("audio", "block", "was copied", (("artifacts.1.sourceUri", "s3://source/a.wav"),)),
    Vector("audio", "block", "state is unredacted", (("artifacts.1.redactionState", "unredacted"),)),
    Vector("audio", "pass", "", (_level("raw_restricted"), ("artifacts.1.redactionState", "unredacted"))),
    Vector("audio", "block", "none that a recording has", (("artifacts.1.mediaType", "application/json"),)),
    Vector("audio", "block", "none that a recording has", (("artifacts.1.mediaType", "text/html; charset=utf-8"),)),
    Vector("audio", "pass", "", (("artifacts.1.mediaType", "video/mp4"),)),
    Vector("audio", "block", "recording is required", _NO_RECORDING),
    Vector("audio", "warn", "recording is missing", (*_NO_RECORDING, _gap("recording", "fetch_failed"))),
    Vector("audio", "pass", "", (*_NO_RECORDING, _optional("recording"))),
    Vector("trace", "pass", "", ()),
    Vector("trace", "block", "trace is required", ((_TRACE, ABSENT),)),
    Vector("trace", "warn", "trace is missing", ((_TRACE, ABSENT), _gap("trace"))),
    Vector("trace", "block", "another trace", ((f"{_TRACE}.event.traceId", "f" * 32),)),
    Vector("trace", "warn", "no trace ID", (("order.aliases.traceId", ABSENT),)),
    Vector("trace", "pass", "", ((_TRACE, ABSENT), _optional("trace"))),
    Vector("trace", "pass", "", ((_TRACE, ABSENT), _opened_trace())),
    Vector("tool_evidence", "pass", "", ()),
    Vector("tool_evidence", "block", "no tool call shows it", (("unproved", [[2, "refund"]]),)),
    Vector("tool_evidence", "warn", "no tool call shows it", (("unproved", [[2, "refund"]]), _gap("tools"))),
    Vector("tool_evidence", "warn", "never mentions", (("unsaid", [["t1", 1]]),)),
    Vector("tool_evidence", "block", "tools is required", _NO_TOOLS),
    Vector("tool_evidence", "warn", "tools is missing", (*_NO_TOOLS, _gap("tools"))),
    Vector("tool_evidence", "pass", "", (*_NO_TOOLS, (f"{_CALL}.event.expectedToolCalls", 0))),
    Vector("tool_evidence", "warn", "no latency", ((f"{_TOOLS}.event.latencyMs", ABSENT),)),
    Vector("tool_evidence", "warn", "without a result summary", ((f"{_TOOLS}.event.resultSummary", ABSENT),)),
    Vector("tool_evidence", "warn", "without proof", ((f"{_TOOLS}.event.sideEffect", {"kind": "write"}),)),
    Vector("evaluation", "pass", "", ()),
    Vector("evaluation", "block", "no rubric", ((f"{_EVALUATION}.event.rubric", ABSENT),)),
    Vector("evaluation", "block", "no rubric version", ((f"{_EVALUATION}.event.rubricVersion", ABSENT),)),
    Vector("evaluation", "block", "no evaluator version", ((f"{_EVALUATION}.event.evaluatorVersion", ABSENT),)),
    Vector("evaluation", "block", "neither score nor label", (
        (f"{_EVALUATION}.event.score", ABSENT), (f"{_EVALUATION}.event.label", ABSENT),
    )),
    Vector("evaluation", "block", "evaluation is required", ((_EVALUATION, ABSENT),)),
    Vector("evaluation", "warn", "evaluation is missing", ((_EVALUATION, ABSENT), _gap("evaluation"))),
    Vector("evaluation", "warn", "no failure label", ((f"{_EVALUATION}.event.failureLabel", ABSENT),)),
    Vector("manifest", "pass", "", ()),
    Vector("manifest", "pass", "", (_SECOND, ("supersedes", _FORMER))),
    Vector("manifest", "block", "no version", (("order.version", 0),)),
    Vector("manifest", "block", "does not say what", (_SECOND,)),
    Vector("manifest", "block", "supersedes version 3", (_SECOND, ("supersedes", {**_FORMER, "version": 3}))),
    Vector("manifest", "block", "could not be read", (
        _SECOND, ("supersedes", {**_FORMER, "manifestHash": "unknown"}),
    )),
    Vector("manifest", "block", "two artifacts are called audio", (_doubled(1),)),
    Vector("review", "pass", "", ()),
    Vector("review", "block", "no owner", (("order.review.owner", " "),)),
    Vector("review", "block", "no outcome", (("order.review.allowedOutcomes", []),)),
    Vector("review", "block", "due before", (("order.review.slaMs", 0),)),
    Vector("review", "warn", "cannot choose no_issue", (("order.review.allowedOutcomes", ["bug"]),)),
)  # fmt: skip
"""Every gate has a packet that it passes, and each of its blocking rules one that it rejects."""
