"""The only place for what a redaction process does: a transcript in, a masked copy and its report, or what leaks, out.

Everything here is called in a process of the pool; the model is loaded there, once, by the first call that wants it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from multiprocessing import connection, parent_process
from pathlib import Path

from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.leaks import leaks_of
from stream_app.core.redaction.masks import without_masks
from stream_app.core.redaction.measured import VERSION, measured
from stream_app.core.redaction.spans import Span, Turn
from stream_app.core.redaction.transcript import (
    NotReadable,
    read_transcript,
    redacted_copy,
    report_of,
)
from stream_app.core.wire import Json
from stream_app.engines.redaction.model import Model
from stream_app.engines.redaction.weights import ENGINE, ModelUnavailable
from stream_app.pipeline.ports import Cleared, RedactionFailed

_loaded: list[Model] = []
_cache: list[Path | None] = [None]


def begin(cache: Path | None, niceness: int) -> None:
    """Prepare a process of the pool: it yields to the line, and ends with the process that started it."""
    _cache[0] = cache
    if niceness:
        os.nice(niceness)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def warm(use_model: bool) -> bool:
    """Load the model before the first call needs it. Returns whether it is there."""
    try:
        if use_model and not _loaded:
            _loaded.append(Model.load(_cache[0]))
    except ModelUnavailable:
        return False  # The first call that needs it says why.
    return True


def clear(
    body: bytes, values: Sequence[Json], organisations: frozenset[str], use_model: bool, stated_redacted: bool
) -> Cleared:
    """Mask what is personal, then search what is left. Raises RedactionFailed with a reason that quotes nothing.

    Of a transcript that is stated to be redacted only names and places are masked anew: anything else that is found in
    it is a leak of its provider's, and blocks.
    """
    try:
        document, turns = read_transcript(body)
    except NotReadable as error:
        raise RedactionFailed("unreadable", str(error)) from None
    known = known_values(values)
    if stated_redacted:
        blank = [Turn(turn.speaker, without_masks(turn.text)) for turn in turns]
        rules = CallRules(blank, organisations)
        found = leaks_of(
            turns, known, extra=_looked_at(blank, rules, use_model), organisations=organisations, before=rules
        )
        if found.blocking or not found.remask:
            return Cleared(body, None, found.says())
        spans: list[list[Span]] = [[] for _ in turns]
        for number, span in found.remask:
            spans[number].append(span)
    else:
        rules = CallRules(turns, organisations)
        spans = rules.spans(_looked_at(turns, rules, use_model), known)
    copy = redacted_copy(document, turns, spans)
    report = report_of(
        turns, spans, version=VERSION, model=ENGINE if use_model else None, measured=measured(model=use_model)
    )
    left = leaks_of(read_transcript(copy)[1], known, organisations=organisations, before=rules)
    return Cleared(copy, report, left.says())


def _looked_at(turns: Sequence[Turn], rules: CallRules, use_model: bool) -> dict[int, Sequence[Span]]:
    """What the model finds in the turns that the rules leave open."""
    numbers = rules.doubtful() if use_model else []
    if not numbers:
        return {}
    try:
        if not _loaded:
            _loaded.append(Model.load(_cache[0]))
    except ModelUnavailable as error:
        raise RedactionFailed("model_unavailable", str(error)) from None
    return dict(zip(numbers, _loaded[0].find([turns[number].text for number in numbers]), strict=True))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(0)
