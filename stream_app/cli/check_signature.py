"""The only place for `stream-app check-signature`: says whether webhooks are authentic, and if not, why."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from stream_app.gateway.secrets import SecretsError, SecretSource
from stream_app.gateway.signatures.cases import Case, CaseError, read_cases
from stream_app.gateway.signatures.live_secrets import LiveSecrets
from stream_app.gateway.signatures.registry import SCHEMES, Scheme, scheme_named
from stream_app.gateway.signatures.verdict import Verdict
from stream_app.settings import Settings

_STDIN = Path("-")


@click.command("check-signature")
@click.argument("provider", type=click.Choice([scheme.name for scheme in SCHEMES]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE|-")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a case instead.")
def check_signature(provider: str, file: Path, as_json: bool) -> None:
    """Say whether a webhook of PROVIDER is authentic: its id, `valid` or `invalid`, and the reason, one line a case.

    FILE is JSON: one case {"id", "request": {"method", "url", "headers", "body"}, "secret", "now_s"}, a list of them,
    or an object with `cases`. A case without a secret is judged by the live ones (STREAM_APP_WEBHOOK_SECRETS_*), one
    without a time by the clock. A case may record its verdict (`valid`, or `our_policy`), so that a file of them is a
    test.

    Exit codes: 0 every verdict is as recorded, or valid where none is · 1 some is not · 2 wrong usage · 3 FILE cannot
    be read.
    """
    cases, scheme = _read(file, provider), scheme_named(provider)
    configured = _configured(provider) if any(case.secrets is None for case in cases) else ()
    amiss = 0
    for case in cases:
        verdict = _verdict(scheme, case, configured)
        expected = case.recorded is None or case.recorded
        amiss += verdict.valid != expected
        click.echo(_json(case, verdict) if as_json else _line(case, verdict))
        if case.recorded is not None and verdict.valid != case.recorded:
            click.echo(f"{case.id}: recorded as {_word(case.recorded)}", err=True)
    sys.exit(1 if amiss else 0)


def _read(file: Path, provider: str) -> list[Case]:
    try:
        data = click.get_binary_stream("stdin").read() if file == _STDIN else file.read_bytes()
    except OSError as error:
        click.echo(f"{file} cannot be read: {error.strerror}", err=True)
        sys.exit(3)
    try:
        return read_cases(data, provider)
    except CaseError as error:
        raise click.UsageError(f"{file}: {error}") from None


def _configured(provider: str) -> LiveSecrets:
    try:
        return SecretSource.of(Settings()).secrets(provider)
    except SecretsError as error:
        raise click.UsageError(str(error)) from None


def _verdict(scheme: Scheme, case: Case, configured: LiveSecrets) -> Verdict:
    now_ms = time.time_ns() // 1_000_000 if case.now_ms is None else case.now_ms
    return scheme.verify(case.request, configured if case.secrets is None else case.secrets, now_ms)


def _word(valid: bool) -> str:
    return "valid" if valid else "invalid"


def _line(case: Case, verdict: Verdict) -> str:
    return f"{case.id} {_word(verdict.valid)} {verdict.reason}: {verdict.detail}"


def _json(case: Case, verdict: Verdict) -> str:
    document = {
        "id": case.id,
        "verdict": _word(verdict.valid),
        "reason": verdict.reason,
        "detail": verdict.detail,
        "recorded": None if case.recorded is None else _word(case.recorded),
    }
    return json.dumps(document, ensure_ascii=False)
