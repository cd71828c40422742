"""The only place where commands find a running worker and ask its `/v1`."""

from __future__ import annotations

import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NoReturn

import click

from stream_app.core.wire import WireError, read_json
from stream_app.settings import Settings

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_MAX_BYTES = 64 << 20


def addresses(settings: Settings, url: str | None) -> list[str]:
    """Base URLs of workers to try: the one given; or that of the health port, then those of our state directory."""
    from stream_app.runtime import announced

    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise click.UsageError(f"--url is an http:// address, not {url!r}")
        return [url.rstrip("/")]
    found = []
    if settings.health_port:
        host = _ANYWHERE.get(settings.health_host, settings.health_host)
        found.append(f"http://{f'[{host}]' if ':' in host else host}:{settings.health_port}")
    return list(dict.fromkeys((*found, *(one.url for one in announced.running(settings)))))


def ask(settings: Settings, url: str | None, path: str, within_s: float) -> tuple[int, dict[str, Any]]:
    """(HTTP status, answer) of the first worker that answers. Ends the command with 3 where none does."""
    tried = addresses(settings, url)
    try:
        token = settings.read_api_token()
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    said = "none is known: give --url as a worker printed it, or set STREAM_APP_HEALTH_PORT or STREAM_APP_STATE_DIR"
    for base in tried:
        try:
            return _get(base + path, token, within_s)
        except (OSError, ValueError) as error:
            said = f"{base}: {getattr(error, 'reason', error)}"
    return nobody(said)


def nobody(why: str) -> NoReturn:
    """End the command: no worker can say."""
    click.echo(f"no worker answers ({why}); --offline reads the changelogs instead", err=True)
    sys.exit(3)


def _get(address: str, token: str | None, within_s: float) -> tuple[int, dict[str, Any]]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=within_s) as answer:
            status, body = answer.status, answer.read(_MAX_BYTES)
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(_MAX_BYTES)
    try:
        document = read_json(body)
    except WireError:
        raise ValueError("it answers, but not as a worker does") from None
    if not isinstance(document, dict):
        raise ValueError("it answers, but not as a worker does")
    if status in (400, 401, 403):
        click.echo(f"the worker refuses: {document.get('detail')}", err=True)
        sys.exit(2 if status == 400 else 3)
    return status, document
