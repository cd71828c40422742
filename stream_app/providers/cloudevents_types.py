"""The only place that knows which of our events the type of a stranger's CloudEvent means."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_VERSION = re.compile(r"[._/-]?v?\d+([._]\d+)*$", re.IGNORECASE)
_SUFFIXES: tuple[tuple[tuple[str, ...], str, str | None], ...] = (
    (("call", "ended"), "call-ended", None),
    (("call", "completed"), "call-ended", None),
    (("call", "finished"), "call-ended", None),
    (("evaluation", "completed"), "evaluation-completed", None),
    (("tool", "call"), "tool-call", None),
    (("tool", "call", "completed"), "tool-call", None),
    (("tool", "call", "ended"), "tool-call", None),
    (("tool", "call", "finished"), "tool-call", None),
    (("tool", "call", "succeeded"), "tool-call", "succeeded"),
    (("tool", "call", "failed"), "tool-call", "failed"),
    (("tool", "call", "timed", "out"), "tool-call", "timed_out"),
    (("artifact", "ready"), "artifact-ready", None),
    (("recording", "ready"), "artifact-ready", "recording"),
    (("transcript", "ready"), "artifact-ready", "transcript"),
    (("trace", "completed"), "trace-completed", None),
    (("call", "reported"), "call-reported", None),
    (("selection", "requested"), "selection-requested", None),
    (("identity", "linked"), "identity-linked", None),
)
"""Last words of a type, the longest that fits counts; which event it is, and what else the type says."""
_MAX_TYPE = 256
_SILENT = re.compile(r"\bcall\b.*\b(initiated|created|queued|ringing|started|answered|connected|updated|progress)$")


@dataclass(frozen=True, slots=True)
class Kind:
    """Which of our events a type means; `hint` is what its name says besides."""

    name: str
    hint: str | None = None


def _words(type: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(_VERSION.sub("", type[-_MAX_TYPE:]))]


def kind_of(type: str) -> Kind | None:
    """The event that a type's last words mean, its version aside."""
    words = tuple(_words(type))
    fitting = [found for found in _SUFFIXES if words[-len(found[0]) :] == found[0]]
    longest = max(fitting, key=lambda found: len(found[0]), default=None)
    return None if longest is None else Kind(longest[1], longest[2])


def silent(type: str) -> bool:
    """Whether a type tells of a call that goes on."""
    return _SILENT.search(" ".join(_words(type))) is not None
