"""The only place for `packet show`, `diff` and `export`: read sealed versions, compare two, take one away as a zip."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import click

from stream_app.core.attestation import signature_uri
from stream_app.core.canonical import hash_of
from stream_app.core.manifest import MAX_MANIFEST_BYTES, Manifest, ManifestError, read_manifest
from stream_app.core.page import page
from stream_app.core.transcripts import examine
from stream_app.pipeline.ports import ObjectMissing, ObjectStore, StoreError
from stream_app.settings import Settings

_LARGEST_ARTIFACT = 64 << 20
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@click.command()
@click.argument("manifest", metavar="URI|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest whole.")
def show(manifest: str, as_json: bool) -> None:
    """Show one sealed version. Exit codes: 0 shown, 2 wrong use, 3 it cannot be read."""
    body = asyncio.run(_with_store(_bodies, manifest))[0]
    found = _manifest(manifest, body)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    gaps = ", ".join(f"{gap.kind} ({gap.reason})" for gap in found.missing) or "nothing"
    click.echo(f"{found.packet_id} {found.status}, for {found.selection_reason}, missing {gaps}\n  {hash_of(body)}")
    for one in found.objects:
        click.echo(f"  {one.name}: {one.uri} ({one.size_bytes} bytes)")
    for gate in found.gates:
        click.echo(f"  gate {gate.gate}: {gate.verdict} {'; '.join(gate.reasons)}".rstrip())


@click.command()
@click.argument("first", metavar="URI|FILE")
@click.argument("second", metavar="URI|FILE")
def diff(first: str, second: str) -> None:
    """Say field by field where two sealed versions differ. Exit codes: 0 they do not, 1 they do, 3 unreadable."""
    bodies = asyncio.run(_with_store(_bodies, first, second))
    before, after = (_manifest(place, body).to_dict() for place, body in zip((first, second), bodies, strict=True))
    lines = list(differences(before, after))
    click.echo("\n".join(lines) or "no difference")
    raise click.exceptions.Exit(1 if lines else 0)


@click.command()
@click.argument("manifest", metavar="URI")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The zip to write; new.")
def export(manifest: str, out: Path) -> None:
    """Write a zip: manifest, signature, artifacts, and a page to read them by. Audio stays a pointer.

    Check it with `stream-app verify ZIP --trust KEYS`. Exit codes: 0 written, 2 wrong use, 3 something unreadable.
    """
    if not manifest.startswith("s3://"):
        raise click.BadParameter("give the manifest's s3:// address", param_hint="MANIFEST")
    files = asyncio.run(_with_store(_gathered, manifest))
    try:
        with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, body in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), body, zipfile.ZIP_DEFLATED)
    except OSError as error:
        _fail(f"{out}: {error.strerror}")
    click.echo(f"{out}: {len(files)} files; `stream-app verify {out} --trust KEYS` checks them")


def differences(before: Any, after: Any, path: str = "") -> Iterable[str]:
    """`field: old -> new`, by path, of two JSON values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif before != after:
        yield f"{path}: {json.dumps(before)} -> {json.dumps(after)}"


async def _with_store(work: Any, *places: str) -> Any:
    # Only here: the composition root knows every room, and files need none of them.
    from stream_app import app

    try:
        if not any(place.startswith("s3://") for place in places):
            return await work(None, *places)
        async with app.object_store(Settings()) as store:
            return await work(store, *places)
    except StoreError as error:
        _fail(f"cannot read {error.uri}: {error.detail}")
    except OSError as error:
        _fail(f"cannot read: {error.strerror}")


async def _bodies(store: ObjectStore | None, *places: str) -> list[bytes]:
    found = []
    for place in places:
        if place.startswith("s3://"):
            assert store is not None
            found.append(await store.get(place, max_bytes=MAX_MANIFEST_BYTES))
        else:
            found.append(await asyncio.to_thread(Path(place).read_bytes))
    return found


async def _gathered(store: ObjectStore, uri: str) -> dict[str, bytes]:
    """The files of the export, by their path in it: the layout of the bucket."""
    body = await store.get(uri, max_bytes=MAX_MANIFEST_BYTES)
    manifest, digest = _manifest(uri, body), hash_of(body)
    stem, between, tail = uri.partition("/calls/")
    if not between or tail.rpartition("/")[2] != "manifest.json":
        _fail(f"{uri} is not the address of a manifest")
    files = {f"calls/{tail}": body}
    notes = []
    envelope = signature_uri(uri, digest)
    try:
        files[envelope.removeprefix(f"{stem}/")] = await store.get(envelope, max_bytes=MAX_MANIFEST_BYTES)
        notes.append("a signature lies beside the manifest; it was not checked here")
    except ObjectMissing:
        notes.append("there is no signature")
    turns: list[tuple[str, str]] = []
    for one in manifest.objects:
        if "/artifacts/sha256/" not in one.uri:
            notes.append(f"{one.name} is a pointer: {one.uri}")
            continue
        content = await store.get(one.uri, max_bytes=_LARGEST_ARTIFACT)
        same = hash_of(content) == f"sha256:{one.sha256}"
        notes.append(f"{one.name}: {'its bytes are those that were sealed' if same else 'ITS BYTES ARE OTHERS'}")
        files[f"artifacts/sha256/{one.sha256}"] = content
        if one.name == "redactedTranscript":
            turns = [(one.speaker, one.text) for one in examine(content).said]
    files["index.html"] = page(manifest, digest, turns, notes).encode()
    return files


def _manifest(place: str, body: bytes) -> Manifest:
    try:
        return read_manifest(body)
    except ManifestError as error:
        _fail(f"{place}: {error}")


def _fail(message: str) -> NoReturn:
    click.echo(f"stream-app packet: {message}", err=True)
    raise click.exceptions.Exit(3)
