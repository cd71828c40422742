"""The only place for `stream-app convert`: conversations in, the events of production out, as JSON Lines."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import click

from stream_app.core.instants import parse_instant
from stream_app.demo.conversations import SHOWN_ERRORS, ConversationError, read_conversations
from stream_app.demo.convert import ConvertedCall
from stream_app.demo.convert import convert as convert_one
from stream_app.demo.replay import dated, key_of, schedule
from stream_app.demo.validity import problems_of

_STDOUT = Path("-")


def _instant(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000
    try:
        return parse_instant(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seed", default=7, show_default=True, help="Draws names, order, delays and what is withheld.")
@click.option("--speed", default=50.0, show_default=True, type=click.FloatRange(1, 200), help="Times real time.")
@click.option("--complete", is_flag=True, help="Withhold nothing and send nothing twice.")
@click.option("--start", callback=_instant, help="When the replay begins, like 2026-06-03T18:00:00Z. Default: now.")
@click.option("--out", default=_STDOUT, type=click.Path(path_type=Path), metavar="DIR|-", show_default=True,
              help="A new or empty directory for `<topic>.jsonl` and `objects/`; - prints the events.")  # fmt: skip
def convert(files: Sequence[Path], seed: int, speed: float, complete: bool, start: int, out: Path) -> None:
    """Turn conversations (JSON Lines, see docs/converter.md) into the events which production would send.

    Every line of the output is {"topic", "key", "atMs", "event"} in sending order; atMs counts from the start.
    Nothing is written when a line of the input is bad: each is named by file and number, and the exit code is 2.
    Exit codes: 0 written · 2 wrong usage or bad input · 3 the output cannot be written.
    """
    calls = _convert_all(files, seed, complete)
    if out != _STDOUT and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise click.UsageError(f"{out} is not an empty directory; name a new one, or empty it")
    try:
        if out == _STDOUT:
            count = _print(_lines(calls, speed, seed, start))
            objects = "their objects are only written with --out DIR"
        else:
            count = _write(_lines(calls, speed, seed, start), out)
            objects = f"{_write_objects(calls, out / 'objects')} objects"
    except BrokenPipeError:
        # The reader (`head`) has enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as error:
        click.echo(f"Error: cannot write: {error}; make room or name another --out", err=True)
        sys.exit(3)
    click.echo(f"{len(calls)} calls, {count} events; {objects}", err=True)


def _convert_all(files: Sequence[Path], seed: int, complete: bool) -> list[ConvertedCall]:
    """Everything is read and checked before anything is written."""
    try:
        calls = [convert_one(told, seed, complete=complete) for told in read_conversations(list(files))]
    except (ConversationError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if not calls:
        raise click.UsageError(f"no conversations in {', '.join(str(path) for path in files)}")
    problems = [problem for call in calls for problem in problems_of(call)]
    if problems:
        raise click.UsageError("\n".join(problems[:SHOWN_ERRORS]))
    return calls


def _lines(calls: list[ConvertedCall], speed: float, seed: int, start: int) -> Iterator[dict[str, Any]]:
    for one in schedule(calls, speed, seed):
        document = dated(one, start, speed)
        yield {
            "topic": one.event.topic,
            "key": key_of(document),
            "atMs": round(one.at_s * 1000),
            "event": document,
        }


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _print(lines: Iterator[dict[str, Any]]) -> int:
    count = 0
    for line in lines:
        click.echo(_text(line))
        count += 1
    return count


def _write(lines: Iterator[dict[str, Any]], out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    files: dict[str, IO[str]] = {}
    with ExitStack() as opened:
        for line in lines:
            topic = line["topic"]
            if topic not in files:
                path = out / f"{topic}.jsonl"
                files[topic] = opened.enter_context(path.open("w", encoding="utf-8"))
            files[topic].write(_text(line) + "\n")
            count += 1
    return count


def _write_objects(calls: list[ConvertedCall], out: Path) -> int:
    """`s3://bucket/key` becomes `objects/bucket/key`. Call IDs were made safe for file names by the converter."""
    count = 0
    for call in calls:
        for uri, body, _media_type in call.objects:
            parts = urlsplit(uri)
            path = out / parts.netloc / parts.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            count += 1
    return count
