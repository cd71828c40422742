"""The only place that measures the leak gate: calls redacted from their labels, with exactly one span left in."""

from __future__ import annotations

from dataclasses import dataclass

from bench.redaction.scoring import IGNORED, Gold
from bench.redaction.sets import Calls
from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.leaks import leaks_of
from stream_app.core.redaction.masks import without_masks
from stream_app.core.redaction.spans import Span, Turn
from stream_app.engines.redaction.model import Model

STYLES = ("[{}]", "[PII]", "<{}_1>", "####", "[{}_1]")


@dataclass(slots=True)
class GateScore:
    """Of `left` single leaked spans so many were seen (at their turn); of `clean` calls so many were stopped."""

    left: int = 0
    seen: int = 0
    clean: int = 0
    known_alarms: int = 0
    blocked: int = 0


def measure(calls: Calls, known: dict[str, list[object]], model: Model | None) -> GateScore:
    """Every labelled call in each mask style in turn, clean once and with up to three leaks, one at a time."""
    score = GateScore()
    for number, (name, turns) in enumerate(calls):
        values = known_values(known.get(name, []))
        style = STYLES[number % len(STYLES)]
        places = [(at, one) for at, turn in enumerate(turns) for one in turn.spans if one[2] != IGNORED]
        clean = [Turn(turn.speaker, _masked(turn, style, None)) for turn in turns]
        score.clean += 1
        blocking = leaks_of(clean, values).blocking
        score.known_alarms += any(span.rule == "known" for _, span in blocking)
        score.blocked += bool(blocking)
        for at, span in places[:: max(1, len(places) // 3)]:
            leaky = list(clean)
            leaky[at] = Turn(clean[at].speaker, _masked(turns[at], style, span))
            found = leaks_of(leaky, values, extra=_looked(leaky, model))
            score.left += 1
            score.seen += any(turn == at for turn, _ in (*found.blocking, *found.remask))
    return score


def _looked(turns: list[Turn], model: Model | None) -> dict[int, tuple[Span, ...]]:
    if model is None:
        return {}
    blank = [Turn(turn.speaker, without_masks(turn.text)) for turn in turns]
    numbers = CallRules(blank).doubtful()
    return dict(zip(numbers, model.find([blank[number].text for number in numbers]), strict=True))


def _masked(turn: Gold, style: str, left: tuple[int, int, str, str] | None) -> str:
    text = turn.text
    for span in sorted(turn.spans, reverse=True):
        if span != left and span[2] != IGNORED:
            text = text[: span[0]] + style.format(span[2]) + text[span[1] :]
    return text
