"""The only place for the `verify` command: fetches the bytes, lets core.verification judge them, prints the verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from stream_app import policy_file
from stream_app.cli.verify_copy import Ledger, verify_copy
from stream_app.core import verification
from stream_app.core.manifest import MAX_MANIFEST_BYTES, Manifest, ManifestError, read_manifest
from stream_app.core.policy import Policy
from stream_app.core.verification import Answer, Digest, Unread, Verdict
from stream_app.core.wire import WireError, read_json
from stream_app.pipeline.ports import ObjectMissing, ObjectStore, ObjectTooLarge, StoreError
from stream_app.settings import Settings

Question = Literal["intact", "complete", "policy"]
_QUESTIONS: tuple[Question, ...] = ("intact", "complete", "policy")
_MARKS: dict[Answer, str] = {"yes": "yes", "no": "NO", "unproved": "unproved"}
_LARGEST_ARTIFACT = 1 << 40

CHANGED, UNREADABLE = 1, 3


@dataclass(frozen=True)
class Given:
    """What the command line asks for."""

    target: str
    hash: str | None
    manifest: str | None
    artifacts: Path | None
    fetch: bool


class _Required(click.ParamType):
    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Question, ...]:
        if isinstance(value, tuple):
            return value
        asked = tuple(question for question in _QUESTIONS if question in value.split(","))
        if set(asked) != set(value.split(",")):
            self.fail(f"{value!r}: name some of {', '.join(_QUESTIONS)}, separated by commas", param, ctx)
        return asked


@click.command()
@click.argument("target", metavar="URI|FILE")
@click.option("--hash", "expected", metavar="sha256:HEX", help="The manifest hash that a packet or reviewer holds.")
@click.option("--manifest", metavar="URI|FILE", help="Where a packet's manifest lies (default: beside FILE).")
@click.option(
    "--artifacts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A copy of the artifacts: files named by their digest, or a copy of the bucket.",
)
@click.option("--fetch/--no-fetch", default=None, help="Read artifacts from object storage (default: for s3:// only).")
@click.option(
    "--policy", "policies", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A policy file that packets may have been sealed under; may be repeated.",
)  # fmt: skip
@click.option(
    "--require", type=_Required(), default=("intact",), metavar="LIST",
    help="What must be true for exit status 0, besides intact: complete, policy.",
)  # fmt: skip
@click.option(
    "--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trusted public keys (`stream-app keys`), for a copy: a directory or zip in the bucket's layout.",
)  # fmt: skip
@click.option(
    "--ledger", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The ledger (`stream-app ledger export`), for a copy: is a packet, an hour or the end gone?",
)  # fmt: skip
@click.option(
    "--ledger-head", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the ledger had come to (`stream-app ledger head --json`), kept apart from it.",
)  # fmt: skip
@click.option(
    "--part", is_flag=True, help="The copy holds some calls only: it need not have all that the ledger knows."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_context
def verify(
    ctx: click.Context,
    target: str,
    expected: str | None,
    manifest: str | None,
    artifacts: Path | None,
    fetch: bool | None,
    policies: tuple[Path, ...],
    require: tuple[Question, ...],
    trust: Path | None,
    ledger: Path | None,
    ledger_head: Path | None,
    part: bool,
    as_json: bool,
) -> None:
    """Check a manifest, or a packet against its manifest, on the bytes as they are stored.

    Three answers: intact (nothing changed since it was sealed), complete (every required kind of evidence is there),
    policy (the packet is what its policy asks for). Without a hash from elsewhere a manifest cannot prove that it is
    intact: give --hash, or the packet's JSON. A directory or zip with a copy of packets is judged whole, offline, by
    the signatures of keys that --trust names: every file, every manifest, every chain of versions; with --ledger also
    whether a whole packet, an hour of packets or the newest ones were taken away.

    Exit status: 0 intact (and what --require adds), 1 not so or not proved, 2 wrong usage, 3 something unreadable.
    """
    if Path(target).is_dir() or (target.endswith(".zip") and not target.startswith("s3://")):
        if expected is not None or manifest is not None or artifacts is not None or fetch:
            raise click.UsageError("a copy is judged by --trust alone", ctx)
        if ledger is None and (ledger_head is not None or part):
            raise click.UsageError("--ledger-head and --part say something of --ledger: give that too", ctx)
        beside = None if ledger is None else Ledger(ledger, ledger_head, part)
        ctx.exit(verify_copy(target, trust, _known_policies(policies), require, as_json, beside))
    if ledger is not None or ledger_head is not None or part:
        raise click.UsageError("--ledger is for a copy: a directory or a zip", ctx)
    if trust is not None:
        raise click.UsageError("--trust is for a copy: a directory or a zip", ctx)
    if expected is not None and not _is_hash(expected):
        raise click.BadParameter("a hash looks like sha256: and 64 hexadecimal digits", ctx, param_hint="--hash")
    if artifacts is not None and fetch:
        raise click.UsageError("--artifacts and --fetch exclude each other", ctx)
    if fetch is None:
        fetch = target.startswith("s3://") and artifacts is None
    known = _known_policies(policies)
    given = Given(target, expected, manifest, artifacts, fetch)
    needs_store = fetch or target.startswith("s3://") or (manifest or "").startswith("s3://")
    body, hash_known, packet, found = asyncio.run(_gather(given, needs_store))
    verdict = verification.verify(body, expected_hash=hash_known, artifacts=found, policies=known, packet=packet)
    click.echo(json.dumps({"target": target, **verdict.to_dict()}, indent=2) if as_json else _text(target, verdict))
    if any(verdict.answer(question) != "yes" for question in {"intact", *require}):
        ctx.exit(CHANGED)
    # A pointer leads to where a reviewer may have no access by design; what we stored ourselves must be readable.
    unread = [uri for uri, one in found.items() if isinstance(one, Unread) and not one.absent and _is_stored(uri)]
    if fetch and unread:
        _fail(f"{len(unread)} of {len(found)} artifacts could not be read; --no-fetch leaves them out")


def _is_hash(text: str) -> bool:
    prefix, _, digits = text.partition(":")
    return prefix == "sha256" and len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)


def _known_policies(files: tuple[Path, ...]) -> dict[str, Policy]:
    policies = [policy_file.default_policy()]
    try:
        policies += [policy_file.load(path) for path in files]
    except policy_file.PolicyFileError as error:
        raise click.BadParameter(f"{error}; `stream-app policy check` explains it", param_hint="--policy") from None
    return {policy.sha256: policy for policy in policies}


async def _gather(
    given: Given, needs_store: bool
) -> tuple[bytes, str | None, dict[str, Any] | None, Mapping[str, Digest | Unread]]:
    """(manifest bytes, hash to expect, packet if one was given, artifacts as they lie there)."""
    if not needs_store:
        return await _with(given, None)
    # Only here: the composition root knows every room, and an offline check needs none of them.
    from stream_app import app

    try:
        async with app.object_store(Settings()) as store:
            return await _with(given, store)
    except ValueError as error:
        _fail(f"the object storage settings (STREAM_APP_S3_*) are not usable: {error}")


async def _with(
    given: Given, store: ObjectStore | None
) -> tuple[bytes, str | None, dict[str, Any] | None, Mapping[str, Digest | Unread]]:
    body, expected = await _read(given.target, store), given.hash
    packet = _packet_in(body)
    if packet is not None:
        place = given.manifest or _beside(given.target)
        stated = packet.get("manifestHash")
        if expected is not None and stated != expected:
            _fail("the packet's manifestHash is not the one given with --hash", CHANGED)
        expected = stated if isinstance(stated, str) and _is_hash(stated) else "no usable hash in the packet"
        body = await _read(place, store)
    try:
        manifest = read_manifest(body)
    except ManifestError:
        return body, expected, packet, {}
    return body, expected, packet, await _artifacts(manifest, given, store)


def _packet_in(body: bytes) -> dict[str, Any] | None:
    """The document, where it is a packet and not a manifest."""
    try:
        document = read_json(body)
    except WireError:
        return None
    return document if isinstance(document, dict) and "manifestHash" in document else None


def _beside(target: str) -> str:
    if target.startswith("s3://"):
        raise click.UsageError("this is a packet; say where its manifest lies with --manifest URI|FILE")
    place = Path(target).with_name("manifest.json")
    if not place.is_file():
        raise click.UsageError(f"this is a packet, and {place.name} is not beside it; give --manifest URI|FILE")
    return str(place)


async def _read(place: str, store: ObjectStore | None) -> bytes:
    try:
        if place.startswith("s3://"):
            assert store is not None
            return await store.get(place, max_bytes=MAX_MANIFEST_BYTES)
        return _file(Path(place))
    except ObjectTooLarge:
        _fail(f"{place} is larger than any manifest")
    except StoreError as error:
        _fail(f"cannot read {place}: {error.detail}")
    except OSError as error:
        _fail(f"cannot read {place}: {error.strerror}")


def _file(path: Path) -> bytes:
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        _fail(f"{path} is larger than any manifest")
    return path.read_bytes()


async def _artifacts(manifest: Manifest, given: Given, store: ObjectStore | None) -> dict[str, Digest | Unread]:
    found: dict[str, Digest | Unread] = {}
    for one in manifest.objects:
        if given.artifacts is not None:
            found[one.uri] = _local(given.artifacts, one.sha256, one.uri)
        elif given.fetch and store is not None:
            found[one.uri] = await _stored(store, one.uri)
    return found


def _local(directory: Path, digest: str, uri: str) -> Digest | Unread:
    """An artifact in a copy: by its digest, or under its key as in the bucket."""
    key = uri.partition("://")[2].partition("/")[2]
    for place in (directory / digest, directory / "artifacts" / "sha256" / digest, directory / key):
        if place.is_file() and place.resolve().is_relative_to(directory.resolve()):
            return Digest.of(place.read_bytes())
    stored = _is_stored(uri)
    return Unread("it is not in the copy" if stored else "a pointer, and not in the copy", absent=stored)


def _is_stored(uri: str) -> bool:
    return "/artifacts/sha256/" in uri


async def _stored(store: ObjectStore, uri: str) -> Digest | Unread:
    try:
        return Digest(*await store.digest(uri, max_bytes=_LARGEST_ARTIFACT))
    except ObjectMissing:
        return Unread("there is no such object any more", absent=True)
    except StoreError as error:
        return Unread(error.detail)


def _text(target: str, verdict: Verdict) -> str:
    titles = {"intact": "intact", "complete": "complete", "policy": "policy satisfied"}
    lines = [target, f"  {verdict.manifest_hash}"]
    for question in _QUESTIONS:
        lines.append(f"{titles[question]}: {_MARKS[verdict.answer(question)]}")
        lines += [f"  {_MARKS[check.answer]:<9}{check.name}: {check.detail}" for check in getattr(verdict, question)]
    return "\n".join(lines)


def _fail(message: str, status: int = UNREADABLE) -> NoReturn:
    click.echo(f"stream-app verify: {message}", err=True)
    raise click.exceptions.Exit(status)
