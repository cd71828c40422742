"""The only place where the demo fetches its manifests back and judges their stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_app import app
from stream_app.core.manifest import read_manifest
from stream_app.core.policy import Policy
from stream_app.core.verification import Digest, Unread, verify
from stream_app.demo.processes import Progress
from stream_app.pipeline.ports import ObjectStore, StoreError
from stream_app.settings import Settings

MANIFEST_BYTES = 16 << 20


async def verify_all(
    settings: Settings, packets: Sequence[dict[str, Any]], policy: Policy, progress: Progress
) -> tuple[int, list[str]]:
    """Fetch every manifest back and judge its stored bytes, with every artifact it names that is ours."""
    verified, broken = 0, []
    async with app.object_store(settings) as store:
        for packet in packets:
            try:
                body = await store.get(packet["manifestUri"], max_bytes=MANIFEST_BYTES)
                verdict = verify(
                    body,
                    expected_hash=packet["manifestHash"],
                    artifacts=await _digests(store, body, settings),
                    policies={policy.sha256: policy},
                    packet=packet,
                )
                if verdict.answer("intact") == "yes":
                    verified += 1
                else:
                    broken.append(f"{packet['packetId']}: manifest {verdict.to_dict()}")
            except StoreError as error:
                broken.append(f"{packet['packetId']}: manifest cannot be read back: {error}")
            progress("verifying manifests", verified + len(broken), len(packets))
    return verified, broken


async def _digests(store: ObjectStore, body: bytes, settings: Settings) -> dict[str, Digest | Unread]:
    found: dict[str, Digest | Unread] = {}
    for artifact in read_manifest(body).objects:
        digest, size = await store.digest(artifact.uri, max_bytes=settings.max_artifact_bytes)
        found[artifact.uri] = Digest(digest, size)
    return found
