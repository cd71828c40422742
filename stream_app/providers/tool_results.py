"""The only place for which results of a tool mean that it failed, though whoever ran it calls it a success.

Source: what the providers' own runtimes write. A failed tool often looks healthy: the error is text in its result.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import ToolStatus
from stream_app.providers.reading import boolean, first, parsed, take, text

NO_RESULT = "No result returned."
DEEPEST = 3
"""Envelopes in envelopes that are opened."""
_ENVELOPES = ("result", "output", "response", "content", "structured_content")


def outcome(result: Any, *, failed: bool = False, timed_out: bool = False, error: str | None = None) -> dict[str, Any]:
    """`status` and `error` of a tool call: what was stated of it, else what its result gives away."""
    if timed_out:
        status: ToolStatus = "timed_out"
    elif failed or error is not None or means_failure(result):
        status = "failed"
    else:
        status = "succeeded"
    return {"status": status, "error": error}


def means_failure(result: Any) -> bool:
    """Whether a result is an error in the guise of a result, also in the envelope that a framework put around it."""
    return _is_error(result, DEEPEST)


def _is_error(result: Any, depth: int) -> bool:
    result = parsed(result)
    if isinstance(result, list) and depth and len(result) == 1:  # MCP's content: one part, of text.
        return _is_error(first(result[0], "text", "content"), depth - 1)
    if isinstance(result, str):
        start = result.strip()[:20].lower()
        return start.startswith("error:") or start == NO_RESULT.lower()
    if not isinstance(result, dict):
        return False
    if take(result, "error") not in (None, False, "", [], {}):
        return True
    if any(boolean(result, name) is False for name in ("success", "successful", "ok")):
        return True
    said = text(result, "status") or text(result, "result_status") or ""
    if boolean(result, "is_error") is True or said.lower() == "error":
        return True
    inner = first(result, *_ENVELOPES)
    return depth > 0 and isinstance(inner, str | dict | list) and _is_error(inner, depth - 1)
