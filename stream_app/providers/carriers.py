"""The only place that knows under which names our call ID, trace ID and agent version ride in providers' free fields.

Every provider has a place for the user's own values (metadata, attributes, dynamic variables, a query string, SIP
headers). What was put there to name the call is the strongest link there is: no guess is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stream_app.providers.reading import fold, identifier, text

CALL_ID_NAMES = ("canonicalCallId", "callEvidenceId", "voice.call.id", "x-canonical-call-id", "x-call-evidence-id")
"""Accepted names of the canonical call ID; case, `_` and `-` do not matter."""
VERSION_NAMES = ("agentVersion", "agent.version", "x-agent-version")
TEST_RUN_NAMES = ("testRunId", "test.run.id", "x-test-run-id")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE = "0" * 32


def _carried(places: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> Any:
    wanted = {fold(name) for name in names}
    for place in places:
        for key, value in place.items():
            if fold(key) in wanted and value not in (None, ""):
                return value
    return None


def call_id(*places: Mapping[str, Any]) -> str | None:
    """The canonical call ID that rides in the first of these places that has one."""
    return identifier(_carried(places, CALL_ID_NAMES))


def agent_version(*places: Mapping[str, Any]) -> str | None:
    """The voice agent's version, as its makers state it in a free field."""
    return text(_carried(places, VERSION_NAMES))


def test_run(*places: Mapping[str, Any]) -> str | None:
    """The test run that made the call."""
    return identifier(_carried(places, TEST_RUN_NAMES))


def trace_id(*places: Mapping[str, Any]) -> str | None:
    """The trace that a `traceparent` or a `traceId` names, 32 lower-case hex digits."""
    for place in places:
        for key, value in place.items():
            if not isinstance(value, str):
                continue
            name = fold(key)
            if name == "traceparent" and (match := _TRACEPARENT.fullmatch(value.strip().lower())):
                found = match[1]
            elif name == "traceid" and re.fullmatch(r"[0-9a-fA-F]{32}", value.strip()):
                found = value.strip().lower()
            else:
                continue
            if found != _NO_TRACE:
                return found
    return None
