"""The only place for `python -m bench.redaction`: prints what redaction finds, what it costs, what the gate sees."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bench.redaction.gate import measure
from bench.redaction.scoring import Gold, Score
from bench.redaction.sets import Calls, known_of, sets
from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import NO_VALUES, known_values
from stream_app.core.redaction.spans import Span, Turn
from stream_app.engines.redaction.model import Model


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of labelled turns."
)
@click.option("--ner/--no-ner", default=True, help="With the name model, or the rules alone.")
@click.option("--known", "with_known", is_flag=True, help="Also use the known values of the folder.")
@click.option("--gate", is_flag=True, help="Measure the leak gate too.")
def main(data: Path | None, ner: bool, with_known: bool, gate: bool) -> None:
    """Score every set: recall and precision over spans, recall of structured ones, CPU ms per 1,000 words."""
    model = Model.load() if ner else None
    if model is not None:
        model.find(["Warm up, Bob Miller."])
    known = known_of(data) if data is not None else {}
    click.echo(f"{'set':<26}{'recall %':>10}{'structured %':>14}{'precision %':>13}{'spans':>7}{'cpu ms/1k words':>17}")
    for name, calls in sets(data):
        score, cpu = _score(calls, model, known if with_known else {})
        click.echo(
            f"{name:<26}{score.recall():>10.2f}{score.recall(structured_only=True):>14.2f}{score.precision():>13.2f}"
            f"{sum(score.labelled.values()):>7}{cpu:>17.1f}"
        )
        if gate and name.startswith("turns"):
            seen = measure(calls, known, model)
            click.echo(
                f"  leak gate: {100 * seen.seen / seen.left:.2f} % of {seen.left} single leaks seen; of {seen.clean} "
                f"clean calls {seen.known_alarms} stopped by known values, {seen.blocked} in all"
            )


def _score(calls: Calls, model: Model | None, known: dict[str, list[object]]) -> tuple[Score, float]:
    score = Score()
    words = sum(len(turn.text.split()) for _, turns in calls for turn in turns)
    began = time.process_time()
    found = [_spans(turns, model, known.get(name)) for name, turns in calls]
    spent = time.process_time() - began
    for (_, turns), spans in zip(calls, found, strict=True):
        for turn, each in zip(turns, spans, strict=True):
            score.add(turn, each)
    return score, spent * 1e6 / words


def _spans(turns: list[Gold], model: Model | None, values: list[object] | None) -> list[list[Span]]:
    rules = CallRules([Turn(turn.speaker, turn.text) for turn in turns])
    extra: dict[int, tuple[Span, ...]] = {}
    if model is not None:
        numbers = rules.doubtful()
        extra = dict(zip(numbers, model.find([turns[number].text for number in numbers]), strict=True))
    return rules.spans(extra, known_values(values) if values else NO_VALUES)


if __name__ == "__main__":
    main()
