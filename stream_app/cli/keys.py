"""The only place for `stream-app keys`: make a signing key, and show the public half that verifiers are given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from stream_app.cli.call_keys import destroy, master, rewrap
from stream_app.core.attestation import TrustedKey
from stream_app.core.instants import parse_instant
from stream_app.engines.signing import (
    Ed25519Signer,
    SigningKeyError,
    trust_document,
    trusted_keys,
    write_private,
)


class _Instant(click.ParamType):
    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_instant(str(value))
        except ValueError:
            self.fail(f"{value!r}: write it like 2026-11-01T00:00:00Z", param, ctx)


@click.group()
def keys() -> None:
    """Make and show the keys that manifests are signed with; make, rewrap and destroy those of private values."""


for _command in (master, destroy, rewrap):
    keys.add_command(_command)


@keys.command()
@click.argument("private", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--trust", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="File of trusted public keys: made, or given the new key beside those that are in it.",
)  # fmt: skip
@click.option("--not-before", type=_Instant(), help="The new key is trusted for packets sealed from then on.")
@click.option("--retire-others", type=_Instant(), help="The keys already in the file are trusted until then.")
def generate(private: Path, trust: Path, not_before: int | None, retire_others: int | None) -> None:
    """Write a new private key to PRIVATE (its owner alone may read it) and add its public half to the trusted ones.

    Rotation: generate a second key with --not-before a little earlier than --retire-others, hand the file to the
    verifiers, then give the sealer the new key. In between both are good.

    Exit codes: 0 made, 2 wrong use, 3 a file is in the way or cannot be written.
    """
    try:
        known = trusted_keys(trust.read_bytes()) if trust.exists() else ()
        if retire_others is not None:
            known = tuple(replace(one, not_after=one.not_after or retire_others) for one in known)
        signer = Ed25519Signer.generate()
        write_private(private, signer)
        made = TrustedKey(signer.key_id, signer.public_key, not_before)
        trust.write_text(json.dumps(trust_document((*known, made)), indent=2) + "\n", encoding="utf-8")
    except FileExistsError:
        _fail(f"{private} exists; a key is never written over")
    except (OSError, SigningKeyError) as error:
        _fail(str(error))
    click.echo(f"{signer.key_id}\nprivate: {private} (STREAM_APP_SIGNING_KEY_FILE)\ntrusted: {trust} (verify --trust)")


@keys.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show(file: Path) -> None:
    """Print the public half of a private key, or the trusted keys, as a file of trusted keys (JSON).

    Exit codes: 0 shown, 2 wrong use, 3 not a key.
    """
    body = file.read_bytes()
    try:
        if b"PRIVATE KEY" in body:
            signer = Ed25519Signer.from_pem(body)
            found: tuple[TrustedKey, ...] = (TrustedKey(signer.key_id, signer.public_key),)
        else:
            found = trusted_keys(body)
    except SigningKeyError as error:
        _fail(f"{file}: {error}")
    click.echo(json.dumps(trust_document(found), indent=2))


def _fail(message: str) -> NoReturn:
    click.echo(f"stream-app keys: {message}", err=True)
    raise click.exceptions.Exit(3)
