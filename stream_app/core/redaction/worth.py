"""The only place that decides which turns a model looks at: those with a word that is not ordinary."""

from __future__ import annotations

import re

from stream_app.core.redaction.lexicon import FILLERS, MONTHS, ORDINALS, STREETS, TENS
from stream_app.core.redaction.ordinary import ALSO_NAMES, ORDINARY

_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)*")
_PLAIN = ORDINARY | FILLERS | MONTHS.keys() | ORDINALS.keys() | TENS.keys() | (STREETS & ORDINARY)


def worth_a_look(text: str, organisations: frozenset[str] = frozenset()) -> bool:
    """True for a word that is not ordinary, or one that people are called by with a capital inside a sentence."""
    for match in _WORD.finditer(text):
        low = match.group().lower().replace("’", "'")
        if low not in _PLAIN and low.removesuffix("'s") not in _PLAIN and low not in organisations:
            return True
        if low in ALSO_NAMES and text[match.start()].isupper() and _inside(text, match.start()):
            return True
    return False


def _inside(text: str, at: int) -> bool:
    before = text[:at].rstrip()
    return bool(before) and before[-1] not in ".?!"
