"""The only place for `stream-app packet open`: short-lived addresses of a packet's artifacts, made when asked for.

They are printed and never stored: whoever holds one can read the object until it expires.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any, get_args

import click

from stream_app.core.artifacts import Artifact, ArtifactName
from stream_app.core.manifest import MAX_MANIFEST_BYTES, ManifestError, read_manifest
from stream_app.pipeline.ports import ObjectDenied, ObjectMissing, StoreError
from stream_app.settings import Settings

LONGEST_S = 900


@dataclass(frozen=True)
class Opened:
    """An artifact, and how it can be read; `problem` says why it cannot."""

    artifact: Artifact
    address: str | None
    problem: str | None = None


@click.command()
@click.argument("manifest", metavar="s3://…/manifest.json")
@click.option("--artifact", "names", type=click.Choice(get_args(ArtifactName)), multiple=True, help="Only this one.")
@click.option("--seconds", type=click.IntRange(1, LONGEST_S), default=300, show_default=True,
              help="How long the addresses live: a quarter of an hour at most.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print name, address and what went wrong as JSON.")
def open_packet(manifest: str, names: tuple[str, ...], seconds: int, as_json: bool) -> None:
    """Print an address for each artifact of the packet with this manifest, by which a browser can read it for a while.

    Made with the keys of the settings, which must be allowed to read the artifact: a reviewer's keys open what is
    redacted, and nothing else. The addresses are secrets; they are printed here and kept nowhere.

    Exit codes: 0 all can be opened · 1 some cannot, or there are none · 2 wrong usage · 3 the manifest cannot be read.
    """
    if not manifest.startswith("s3://"):
        raise click.UsageError("give the packet's manifestUri, s3://bucket/…/manifest.json")
    opened = asyncio.run(_open(manifest, names, seconds))
    if as_json:
        click.echo(json.dumps({"manifest": manifest, "seconds": seconds, "artifacts": [_row(one) for one in opened]}))
    else:
        for one in opened:
            click.echo(f"{one.artifact.name}: {one.address or one.problem}")
    sys.exit(1 if not opened or any(one.problem for one in opened) else 0)


def _row(one: Opened) -> dict[str, Any]:
    return {
        "name": one.artifact.name,
        "address": one.address,
        "sha256": one.artifact.sha256,
        "mediaType": one.artifact.media_type,
        "problem": one.problem,
    }


async def _open(place: str, names: tuple[str, ...], seconds: int) -> list[Opened]:
    from stream_app import app
    from stream_app.sinks.s3 import S3ObjectStore

    async with app.object_store(Settings()) as store:
        assert isinstance(store, S3ObjectStore)
        try:
            found = read_manifest(await store.get(place, max_bytes=MAX_MANIFEST_BYTES))
        except (StoreError, ManifestError) as error:
            click.echo(f"stream-app packet open: {error}", err=True)
            sys.exit(3)
        return [await _opened(store, one, seconds) for one in found.objects if not names or one.name in names]


async def _opened(store: Any, artifact: Artifact, seconds: int) -> Opened:
    if not artifact.uri.startswith("s3://"):
        return Opened(artifact, None, "it lies outside of object storage: ask its owner for access")
    try:
        # An address is made without asking anybody: only a look shows whether it would open.
        info = await store.head(artifact.uri)
        if info.size != artifact.size_bytes:
            return Opened(artifact, None, f"it has {info.size} bytes now, the manifest says {artifact.size_bytes}")
        return Opened(artifact, await store.presigned(artifact.uri, seconds=seconds))
    except ObjectDenied:
        return Opened(artifact, None, "these keys may not read it")
    except ObjectMissing:
        return Opened(artifact, None, "it is not there any more")
