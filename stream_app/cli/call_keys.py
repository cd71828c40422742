"""The only place for `stream-app keys master|destroy|rewrap`: the keys of private values, and how a call is erased."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.core.calls import CallState
    from stream_app.core.key_ring import Ring


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def master(file: Path) -> None:
    """Write a new master key to FILE (its owner alone may read it), for STREAM_APP_MASTER_KEY_FILE.

    Into a file that is there it goes as the first line: it wraps from then on, the others still unwrap. Then
    `stream-app keys rewrap`, and the old lines may go.

    Exit codes: 0 made, 2 wrong usage, 3 the file cannot be written.
    """
    from stream_app.engines.concealing import new_seed

    made = b64encode(new_seed()).decode()
    try:
        before = file.read_text() if file.exists() else ""
        fresh = file.with_name(f"{file.name}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{made}\n{before}")
        fresh.replace(file)
    except OSError as error:
        _fail(f"{file}: {error.strerror}", 3)
    click.echo(f"{file} (STREAM_APP_MASTER_KEY_FILE)")


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def destroy(names: tuple[str, ...], as_json: bool) -> None:
    """Destroy the keys of a call: what its events conceal, nobody reads again. It cannot be undone.

    NAMES are its canonical ID and aliases (`scheme:value`), or `dead-letter:topic/partition/offset`. What the join
    remembers of a call adds its other names; of a call that was forgotten only the names given are known. What is
    sealed already stays: packets hold no such values. Needs the keys of the role `eraser`.

    Exit codes: 0 destroyed, 1 no keys are there at all, 2 wrong usage, 3 store or Kafka is away, or refuses.
    """
    from stream_app.runtime.client import KafkaUnavailable, TopicAbsent

    try:
        asyncio.run(_destroy(Settings(), names, as_json))
    except (KafkaUnavailable, TopicAbsent) as error:
        _fail(str(error), 3)


@click.command()
def rewrap() -> None:
    """Wrap every ring of keys with the first of the master keys. Nothing that is concealed changes.

    Exit codes: 0 done, 2 wrong usage, 3 the store is away, or refuses.
    """
    asyncio.run(_rewrap(Settings()))


def names_of(calls: dict[str, CallState], given: tuple[str, ...]) -> list[str]:
    """All names of the calls that bear one of those given, and those given."""
    from stream_app.core.wire import read_json

    found = dict.fromkeys(given)
    for state in calls.values():
        own = {state.call_id: None}
        for piece in (*state.items, *state.alternates):
            event = read_json(piece.body)
            own |= {f"{scheme}:{value}": None for scheme, value in event.get("aliases", {}).items()}
            own |= {f"traceId:{event['traceId']}": None} if "traceId" in event else {}
            own |= {event["canonicalCallId"]: None} if "canonicalCallId" in event else {}
        if any(name in own or any(one.partition(":")[2] == name for one in own) for name in given):
            found |= own
    return list(found)


async def _destroy(settings: Settings, given: tuple[str, ...], as_json: bool) -> None:
    from stream_app import app
    from stream_app.pipeline.call_keys import SECRET_EPOCH
    from stream_app.pipeline.ports import StoreError
    from stream_app.runtime.changelogs import read_join

    rings, keys = app.key_rings(settings), app.call_keys(settings)
    if rings is None or keys is None:
        _fail("no master key: set STREAM_APP_MASTER_KEY_FILE", 2)
    names = names_of((await read_join(settings)).calls, given)
    try:
        async with keys, rings, app.object_store(settings) as store:
            epochs = [one for one in await rings.epochs() if one != SECRET_EPOCH]
            paths = await keys.paths(names) if epochs else []
            for number, epoch in enumerate(epochs, 1):
                await rings.replace(store, epoch, lambda ring: _without(ring, paths))
                click.echo(f"{epoch}: {number} of {len(epochs)}", err=True)
    except StoreError as error:
        _fail(f"{error}; nothing of what is left was destroyed: run it again", 3)
    if as_json:
        click.echo(json.dumps({"names": names, "days": epochs}, indent=1))
    else:
        click.echo(f"destroyed the keys of {len(names)} names in {len(epochs)} days: {', '.join(names)}")
    if not epochs:
        raise click.exceptions.Exit(1)


async def _rewrap(settings: Settings) -> None:
    from stream_app import app
    from stream_app.pipeline.ports import StoreError

    rings = app.key_rings(settings)
    if rings is None:
        _fail("no master key: set STREAM_APP_MASTER_KEY_FILE", 2)
    try:
        async with rings, app.object_store(settings) as store:
            epochs = await rings.epochs()
            for number, epoch in enumerate(epochs, 1):
                await rings.replace(store, epoch, lambda ring: ring)
                click.echo(f"{epoch}: {number} of {len(epochs)}", err=True)
    except StoreError as error:
        _fail(str(error), 3)
    click.echo(f"rewrapped {len(epochs)} rings")


def _without(ring: Ring, paths: list[str]) -> Ring:
    for path in paths:
        ring = ring.without(path)
    return ring


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"stream-app keys: {message}", err=True)
    raise click.exceptions.Exit(code)
