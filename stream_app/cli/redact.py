"""The only place for `stream-app redact`: what redaction would do to a transcript, or to labelled turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.masks import Masks, masked
from stream_app.core.redaction.measured import VERSION, measured
from stream_app.core.redaction.spans import Span, Turn
from stream_app.core.redaction.transcript import NotReadable, read_transcript, redacted_copy, report_of
from stream_app.core.wire import Json, WireError, read_json, write_json

_NO_VALUE = frozenset(("dialogue_id", "style"))


@click.command()
@click.argument("source", type=click.File("rb"), default="-")
@click.option("--spans", "as_spans", is_flag=True, help="Read turns as JSON Lines, print their spans as JSON Lines.")
@click.option(
    "--known",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Lines of known values, one object a call with its `dialogue_id`; without --spans: one object.",
)
@click.option("--ner/--no-ner", default=True, help="Use the name model too (default), or the rules alone.")
@click.option("--organisation", "organisations", multiple=True, help="A name that is no person's; several times.")
@click.option("--report", "with_report", is_flag=True, help="Print the report too, on stderr, as JSON.")
def redact(
    source: IO[bytes],
    as_spans: bool,
    known: Path | None,
    ner: bool,
    organisations: tuple[str, ...],
    with_report: bool,
) -> None:
    """Show SOURCE (a transcript as JSON; `-`: standard input) as it would leave: every personal value masked.

    With --spans SOURCE holds turns, `{"id", "dialogue_id", "turn", "speaker", "text"}` a line. The turns of a dialogue
    are read together, wherever they stand. Each comes back in its place as `{"id", "text", "spans"}`, its text masked;
    a span is `{"start", "end", "type"}` in characters of the text that was read.

    Exit codes: 0 done; 1 the input cannot be read as a transcript, or a line as a turn (the others are printed);
    2 usage; 3 the name model is not there (`--no-ner` does without it).
    """
    names = frozenset(word.lower() for name in organisations for word in name.split())
    finder = _finder() if ner else None
    if as_spans:
        sys.exit(_labelled(source, _known_of_calls(known), finder, names))
    values = [] if known is None else list(_known_of_calls(known).values())
    try:
        document, turns = read_transcript(source.read())
    except NotReadable as error:
        click.echo(f"this is no transcript: {error}", err=True)
        sys.exit(1)
    spans = _spans(turns, values, finder, names)
    click.echo(redacted_copy(document, turns, spans))
    if with_report:
        model = _engine() if ner else None
        report = report_of(turns, spans, version=VERSION, model=model, measured=measured(model=ner))
        click.echo(write_json(_plain(report)), err=True)


def _labelled(source: IO[bytes], known: dict[str, Json], finder: Any, organisations: frozenset[str]) -> int:
    rows: list[dict[str, Any]] = []
    bad = 0
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        row = _row(line)
        if isinstance(row, str):
            click.echo(f"line {number}: {row}; passed over", err=True)
            bad += 1
        else:
            rows.append(row)
    calls: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        calls.setdefault(row["dialogue_id"], []).append(place)
    answers: list[bytes] = [b""] * len(rows)
    for name, places in calls.items():
        places.sort(key=lambda place: rows[place]["turn"])
        turns = [Turn(rows[place]["speaker"].lower(), rows[place]["text"]) for place in places]
        masks = Masks()
        found = _spans(turns, [known[name]] if name in known else [], finder, organisations)
        for place, turn, spans in zip(places, turns, found, strict=True):
            answers[place] = write_json(
                {
                    "id": rows[place]["id"],
                    "text": masked(turn.text, spans, masks),
                    "spans": [{"start": span.start, "end": span.end, "type": span.kind} for span in spans],
                }
            )
    for answer in answers:
        click.echo(answer)
    return 1 if bad else 0


def _row(line: bytes) -> dict[str, Any] | str:
    """The turn, or what is wrong with it."""
    try:
        row = read_json(line)
    except WireError as error:
        return f"not JSON ({error.reason})"
    if not isinstance(row, dict):
        return "not an object"
    row.setdefault("dialogue_id", row.get("id"))
    row.setdefault("speaker", "")
    row.setdefault("turn", 0)
    for name in ("id", "dialogue_id", "speaker", "text"):
        if not isinstance(row.get(name), str):
            return f'"{name}" is missing, or no text'
    if isinstance(row["turn"], bool) or not isinstance(row["turn"], int):
        return '"turn" is no whole number'
    return row


def _known_of_calls(path: Path | None) -> dict[str, Json]:
    known: dict[str, Json] = {}
    if path is None:
        return known
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = read_json(line)
        except WireError as error:
            raise click.UsageError(f"{path.name}, line {number}: not JSON ({error.reason})") from None
        if not isinstance(row, dict):
            raise click.UsageError(f"{path.name}, line {number}: not an object of known values")
        known[str(row.get("dialogue_id", ""))] = {key: row[key] for key in row if key not in _NO_VALUE}
    return known


def _spans(turns: Sequence[Turn], values: list[Json], finder: Any, organisations: frozenset[str]) -> list[list[Span]]:
    rules = CallRules(turns, organisations)
    extra: dict[int, Sequence[Span]] = {}
    if finder is not None:
        open_turns = rules.doubtful()
        extra = dict(zip(open_turns, finder.find([turns[number].text for number in open_turns]), strict=True))
    return rules.spans(extra, known_values(values))


def _finder() -> Any:
    from stream_app.engines.redaction.model import Model
    from stream_app.engines.redaction.weights import ModelUnavailable

    try:
        return Model.load()
    except ModelUnavailable as error:
        click.echo(f"{error}; or use --no-ner", err=True)
        sys.exit(3)


def _engine() -> str:
    from stream_app.engines.redaction.weights import ENGINE

    return ENGINE


def _plain(report: Any) -> Json:
    import msgspec

    plain: Json = msgspec.to_builtins(report)
    return plain
