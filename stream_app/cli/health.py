"""The only place for `stream-app health`: asks a worker how it is, for people and for container health checks."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import Any

import click

from stream_app.core.wire import WireError, read_json
from stream_app.settings import Settings

TIMEOUT_S = 5.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_MAX_BYTES = 1 << 20


@click.command()
@click.option("--url", help="Where the worker said `health <URL>`. Default: STREAM_APP_HEALTH_HOST and _PORT.")
@click.option(
    "--live", is_flag=True, help="Only whether every stage is alive (/livez), not whether it gets on (/readyz)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the worker's answer as it came.")
def health(url: str | None, live: bool, as_json: bool) -> None:
    """Ask a running worker whether every stage of it gets on with its work.

    Exit 0 when it does, 1 when it does not (each reason is a line), 3 when no worker answers.
    """
    address = f"{url.rstrip('/') if url else _configured()}/{'livez' if live else 'readyz'}"
    body = _ask(address)
    try:
        answer: dict[str, Any] = read_json(body)
        ok, lines = bool(answer["ok"]), _lines(answer)
    except (WireError, KeyError, TypeError):
        _no_worker(address, "it answers, but not as a worker does")
    click.echo(body.decode().rstrip() if as_json else "\n".join(lines))
    sys.exit(0 if ok else 1)


def _configured() -> str:
    settings = Settings()
    if not settings.health_port:
        raise click.UsageError(
            "the worker's port is not known: give --url as it printed it, or set STREAM_APP_HEALTH_PORT for both"
        )
    host = _ANYWHERE.get(settings.health_host, settings.health_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.health_port}"


def _ask(address: str) -> bytes:
    if not address.startswith(("http://", "https://")):
        raise click.UsageError(f"--url is an http:// address, not {address!r}")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read(_MAX_BYTES)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            _no_worker(address, f"HTTP {error.code}")
        body = error.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        _no_worker(address, str(getattr(error, "reason", error)))
    return body


def _no_worker(address: str, why: str) -> Any:
    click.echo(f"no worker answers at {address} ({why}); is it running, and is this the port it printed?", err=True)
    sys.exit(3)


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = []
    for one in answer["stages"]:
        how = "ready" if one["ready"] else "not ready" if one["alive"] else "not alive"
        again = ", ".join(f"{count} {cause}" for cause, count in one["restarts"].items() if count)
        lines.append(
            f"{one['stage']:<8}  {how:<9}  process {one['pid'] or '-'}, {one['assigned'] or 0} partitions,"
            f" {one['lag'] or 0} behind{f', started again: {again}' if again else ''}"
        )
    return lines + [
        f"{reason['stage'] or 'worker'}: {reason['cause']}"
        f"{' ' + reason['partition'] if 'partition' in reason else ''}: {reason['detail']}"
        for reason in answer["reasons"]
    ]
