"""The only place for `stream-app normalize`: shows what a provider's payloads come to, one event a line."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stream_app.core.instants import parse_instant
from stream_app.core.wire import Json, write_json
from stream_app.providers.adapter import Delivery, Normalised, RefusalReason, Refused
from stream_app.providers.bodies import Body, split
from stream_app.providers.registry import PROVIDERS, Provider, Refusal, normalize, provider_named
from stream_app.settings import Settings

_STDIN = Path("-")


@click.command("normalize")
@click.argument("provider", type=click.Choice([provider.name for provider in PROVIDERS]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE|-")
@click.option("--source", help="Source of the events, `<provider>/<who sends>`.  [default: PROVIDER]")
@click.option("--received-at", help="When the payloads came (ISO 8601), for those that name no time.  [default: now]")
@click.option("--query", multiple=True, metavar="NAME=VALUE", help="Of the address they were sent to; repeatable.")
@click.option("--header", multiple=True, metavar="NAME=VALUE", help="Of a CloudEvent in binary mode; repeatable.")
@click.option("--protobuf", is_flag=True, help="FILE is one OTLP protobuf message (otel and pipecat).")
def normalize_command(
    provider: str,
    file: Path,
    source: str | None,
    received_at: str | None,
    query: tuple[str, ...],
    header: tuple[str, ...],
    protobuf: bool,
) -> None:
    """Say what payloads of PROVIDER come to: one event a line as JSON, as it would stand on its topic.

    FILE holds a JSON document, several, JSON Lines, or form-encoded bodies, one a line; OTLP may be protobuf. For what
    gives no event a line {"refused": reason, "detail": …, "line": n} stands in its place. Content that a gateway would
    put away (transcripts, links that expire) is counted on stderr and never printed.

    Exit codes: 0 every payload gave events, or says nothing of a call · 1 some was refused · 2 wrong usage · 3 FILE
    cannot be read.
    """
    try:
        at = time.time_ns() // 1_000_000 if received_at is None else parse_instant(received_at)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--received-at") from None
    asked = _pairs(query, "--query")
    if file != _STDIN:
        asked.setdefault("file", file.name)
    headers = _pairs(header, "--header")
    adapter = provider_named(provider)
    key = Settings().name_key
    name_key = b"" if key is None else key.get_secret_value().encode()
    kinds: Counter[str] = Counter()
    refused = blobs = 0
    for body in _bodies(adapter, _read(file), protobuf):
        document = {"headers": headers, "value": body.document} if headers else body.document
        for made in _made(adapter, body, Delivery(document, source or provider, at, asked), name_key):
            if isinstance(made, Refusal):
                click.echo(_json({"refused": made.reason, "detail": made.detail, "line": body.line}))
                refused += made.reason != "nothing_to_report"
                continue
            blobs += len(made.blobs)
            for event in made.events:
                kinds[event.TYPE] += 1
                click.echo(write_json(event.to_dict()))
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "no event"
    click.echo(f"{told}; {refused} refused; {blobs} to be put away in staging", err=True)
    sys.exit(1 if refused else 0)


def _made(provider: Provider, body: Body, delivery: Delivery, name_key: bytes) -> Iterator[Normalised | Refusal]:
    """What a payload comes to. A list that is no payload of this provider is a list of them."""
    if body.problem is not None:
        yield Refusal("not_readable", body.problem)
        return
    made = normalize(provider, delivery, name_key=name_key)
    unknown: tuple[RefusalReason, ...] = ("not_readable", "unknown_shape")
    if isinstance(made, Refusal) and made.reason in unknown and isinstance(body.document, list) and body.document:
        for one in body.document:
            alone = Delivery(one, delivery.source, delivery.received_ms, delivery.query)
            yield normalize(provider, alone, name_key=name_key)
        return
    yield made


def _bodies(provider: Provider, data: bytes, protobuf: bool) -> list[Body]:
    if provider.name not in ("otel", "pipecat"):
        if protobuf:
            raise click.UsageError(f"{provider.name} sends no protobuf; only otel and pipecat do")
        return list(split(data))
    bodies = list(split(data))
    if protobuf or (bodies[0].problem is not None and data[:1] == b"\x0a"):
        from stream_app.runtime.otlp_codec import document_of

        try:
            return [Body(1, document_of(data))]
        except Refused as error:
            return [Body(1, problem=error.detail)]
    if provider.name == "pipecat" and len(bodies) > 1 and all(body.problem is None for body in bodies):
        # An observer's events tell of a tool call together: what it was called with, then what became of it.
        together: list[Json] = [body.document for body in bodies]
        return [Body(bodies[0].line, together)]
    return bodies


def _read(file: Path) -> bytes:
    try:
        return click.get_binary_stream("stdin").read() if file == _STDIN else file.read_bytes()
    except OSError as error:
        click.echo(f"{file} cannot be read: {error.strerror}", err=True)
        sys.exit(3)


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", param_hint=option)
        found[name] = value
    return found


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)
