"""The tool_evidence gate: what the agent did, with proof."""

from __future__ import annotations

import pytest

from tests.core.gates.subjects import Case, half_of_the_tools, holds, required, tooled, unnamed, without_tools

CASES: tuple[Case, ...] = (
    ("block", lambda: unnamed("tools"), "tools is required"),
    ("warn", lambda: required("tools"), "tools is missing"),
    ("warn", lambda: half_of_the_tools(), "tools is missing: never_seen"),
    ("warn", lambda: tooled(resultSummary=...), "tc_6/1 succeeded without a result summary"),
    ("warn", lambda: tooled(latencyMs=...), "tc_6/1 has no latency"),
    ("warn", lambda: tooled(sideEffect={"kind": "write"}), "tc_6/1 wrote without proof"),
    ("pass", lambda: tooled(sideEffect={"kind": "write", "proof": "ledger entry 7"}), ""),
    ("pass", lambda: tooled(status="failed", resultSummary=...), ""),
    ("pass", lambda: without_tools(expectedToolCalls=0), ""),
    ("pass", lambda: without_tools(expectedToolCalls=..., toolsFinal=True), ""),
)


@pytest.mark.parametrize("case", CASES)
def test_tool_evidence(case: Case) -> None:
    holds("tool_evidence", case)
