"""The only place for which words of a judgement are a verdict, and may be shown, and which would be content.

Evaluators write prose as well as verdicts into one field, and extract names and numbers into fields like those that
they judge in. So only words of a closed vocabulary, and single words where a verdict is asked for, come through.
"""

from __future__ import annotations

import re
from typing import Any

from stream_app.providers.reading import text

_PASSED = frozenset({"true", "pass", "passed", "success", "successful", "succeeded", "yes", "achieved", "met"})
_FAILED = frozenset({
    "false", "fail", "failed", "failure", "unsuccessful", "no", "not_achieved", "not achieved", "not_met", "not met",
})  # fmt: skip
_SCALES = frozenset({
    "excellent", "good", "fair", "poor", "strongly agree", "agree", "neutral", "disagree", "strongly disagree",
    "positive", "negative", "mixed", "unknown", "partial", "partially successful", "n/a", "high", "medium", "low",
})  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")


def passed(verdict: Any) -> bool | None:
    """Whether a verdict says that it went well; None where it says neither."""
    if isinstance(verdict, bool):
        return verdict
    word = (text(verdict, limit=64) or "").lower().rstrip(".") if isinstance(verdict, str) else ""
    return True if word in _PASSED else False if word in _FAILED else None


def label(verdict: Any, *, any_word: bool = False) -> str | None:
    """A verdict as a label: `success` and `failure` for what says so, else a word of a scale as it is written.

    `any_word`: the field holds verdicts and nothing else, so that a word which nobody listed is one too.
    """
    if (went_well := passed(verdict)) is not None:
        return "success" if went_well else "failure"
    word = text(verdict) if isinstance(verdict, str) else None
    if word is None or not (word.lower() in _SCALES or (any_word and _WORD.fullmatch(word))):
        return None
    return word
