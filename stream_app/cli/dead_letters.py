"""The only place for `stream-app dead-letters`: list what could not be used, show an original, send it again."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any, NoReturn

import click
from pydantic import ValidationError

from stream_app.core.dead_letters import DeadLetter
from stream_app.core.wire import WireError, read_json
from stream_app.settings import Settings
from stream_app.topics import DEAD_LETTERS


@click.group("dead-letters")
def dead_letters() -> None:
    """Records that could not be used, and why. Originals are encrypted where a master key is set."""


@dead_letters.command("list")
@click.option("--reason", help="Only letters of this reason.")
@click.option("--stage", help="Only letters of this stage.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines.")
def list_(reason: str | None, stage: str | None, as_json: bool) -> None:
    """List letters, without their originals. Exit codes: 0 listed, 3 Kafka is away."""
    for letter in asyncio.run(_letters(Settings())):
        if (reason is None or letter.reason == reason) and (stage is None or letter.stage == stage):
            told = letter.to_dict()
            for field in ("key", "headers", "body", "concealed"):
                del told[field]
            where = letter.position.key()
            click.echo(json.dumps(told) if as_json else f"{where}  {letter.stage}  {letter.reason}: {letter.detail}")


@dead_letters.command()
@click.argument("position", metavar="TOPIC/PARTITION/OFFSET")
def show(position: str) -> None:
    """Print one letter with its original as JSON: key, headers and body in base64.

    Exit codes: 0 shown, 1 there is no such letter, or its key was destroyed, 2 wrong usage, 3 Kafka or store is away.
    """
    click.echo(json.dumps(asyncio.run(_opened(Settings(), position)).to_dict(), indent=1))


@dead_letters.command()
@click.argument("position", metavar="TOPIC/PARTITION/OFFSET")
def replay(position: str) -> None:
    """Send the original again to the input topic that it came from, once what was wrong is mended.

    Exit codes: 0 sent, 1 no such letter, or its key was destroyed, 2 wrong usage, 3 Kafka or store is away.
    """
    settings = Settings()
    letter = asyncio.run(_opened(settings, position))
    if letter.stage != "intake":
        raise click.UsageError(f"it is a letter of {letter.stage}: only what intake refused came from an input topic")
    click.echo(asyncio.run(_replay(settings, letter)))


async def _letters(settings: Settings) -> list[DeadLetter]:
    from stream_app.runtime.client import KafkaUnavailable, TopicAbsent, read_topic

    found = []
    try:
        async for record in read_topic(settings, DEAD_LETTERS.name):
            try:
                found.append(DeadLetter.from_dict(read_json(record.value or b"")))
            except (WireError, ValidationError):
                click.echo(f"{DEAD_LETTERS.name}/{record.partition}/{record.offset}: not a dead letter", err=True)
    except (KafkaUnavailable, TopicAbsent) as error:
        _fail(str(error), 3)
    return found


async def _opened(settings: Settings, position: str) -> DeadLetter:
    from stream_app import app
    from stream_app.pipeline.call_keys import KeysGone
    from stream_app.pipeline.ports import StoreError

    letter = next((one for one in await _letters(settings) if one.position.key() == position), None)
    if letter is None:
        _fail(f"no letter stands for {position}; `stream-app dead-letters list` shows which there are", 1)
    if letter.concealed is None:
        return letter
    keys = app.call_keys(settings)
    if keys is None:
        _fail("its original is encrypted: set STREAM_APP_MASTER_KEY_FILE", 2)
    try:
        async with keys:
            return letter.with_original(await keys.reveal(letter.concealed))
    except KeysGone as error:
        _fail(str(error), 1)
    except StoreError as error:
        _fail(str(error), 3)


async def _replay(settings: Settings, letter: DeadLetter) -> str:
    from stream_app.runtime.client import KafkaUnavailable, Publisher

    def content(text: str | None) -> bytes | None:
        return None if text is None else b64decode(text)

    said: dict[str, Any] = {"key": content(letter.key), "value": content(letter.body)}
    headers = tuple((name, b64decode(one)) for name, one in letter.headers)
    try:
        async with Publisher(settings) as publisher:
            sent = await publisher.send(letter.position.topic, **said, headers=headers)
            written = await sent
    except KafkaUnavailable as error:
        _fail(str(error), 3)
    return f"sent again as {written.topic}/{written.partition}/{written.offset}"


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"stream-app dead-letters: {message}", err=True)
    raise click.exceptions.Exit(code)
