"""What counts as one packet a call, and what is a difference; the whole run is in tests/scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.demo.provider_calls import ProviderCall
from stream_app.demo.providers import differences

CALL = ProviderCall("a call", "c-1", (), {"twilioCallSid": "CA1"}, "complete", tools=1, failed_tools=1)


def packet(**changed: Any) -> dict[str, Any]:
    return {
        "canonicalCallId": "c-1", "version": 1, "status": "complete", "providerAliases": {"twilioCallSid": "CA1"},
        "missing": [], "gates": [], "toolEvidence": [{"status": "failed"}],
    } | changed  # fmt: skip


def test_one_packet_that_says_what_is_known_is_no_difference() -> None:
    assert differences([CALL], [packet()]) == []


@pytest.mark.parametrize(
    ("packets", "text"),
    [
        ([], "versions [] of its packet, expected one"),
        ([packet(), packet(version=2)], "versions [1, 2] of its packet, expected one"),
        ([packet(), packet()], "versions [1, 1] of its packet, expected one"),
        ([packet(status="incomplete")], "status incomplete, expected complete"),
        ([packet(providerAliases={})], "alias twilioCallSid:CA1 is not in it"),
        ([packet(toolEvidence=[])], "0 tool calls, 0 failed; expected 1 and 1"),
        ([packet(), packet(canonicalCallId="c-2")], "a packet of c-2, which nobody made"),
    ],
)
def test_anything_else_is_one(packets: list[dict[str, Any]], text: str) -> None:
    assert any(text in line for line in differences([CALL], packets))


def test_a_strangers_call_may_have_later_versions_and_its_last_is_judged() -> None:
    strange = ProviderCall("a call", "c-1", (), {"twilioCallSid": "CA1"}, None, tools=1, failed_tools=1)
    early = packet(toolEvidence=[])
    assert differences([strange], [early, packet(version=2, status="blocked")]) == []
    assert differences([strange], [early])
    assert differences([strange], [packet(version=2)]), "a version is not there"
