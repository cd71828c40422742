"""`stream-app packet open` on the real server: addresses that open, expire soon, and never open what keys may not."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from hashlib import sha256
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from stream_app.cli.packet import packet
from stream_app.core.manifest import manifest_bytes
from stream_app.dev.state import Endpoints
from stream_app.sinks.s3 import S3ObjectStore
from tests.core.test_seal import sealed
from tests.examples import contract_order

WORDS = b"redacted words"


async def _stored(stack: Endpoints) -> str:
    """A manifest whose transcript anybody with packets' keys may read, and whose recording only its provider may."""
    keys = stack.credentials["admin"]
    root = f"test/{uuid4()}"
    made = sealed(contract_order())
    places = {"redactedTranscript": f"s3://review-packets/{root}/t", "audio": f"s3://provider-drop/{root}/a"}
    objects = tuple(
        one.model_copy(update={"uri": places[one.name], "size_bytes": len(WORDS), "sha256": sha256(WORDS).hexdigest()})
        for one in made.objects
        if one.name in places
    )
    uri = f"s3://review-packets/{root}/manifest.json"
    async with S3ObjectStore(
        endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key
    ) as store:
        for place in places.values():
            await store.put(place, WORDS, media_type="text/plain")
        body = manifest_bytes(made.model_copy(update={"objects": objects}))
        await store.put(uri, body, media_type="application/json")
    return uri


def opened(stack: Endpoints, monkeypatch: pytest.MonkeyPatch, identity: str, *arguments: str) -> Result:
    keys = stack.credentials[identity]
    monkeypatch.setenv("STREAM_APP_S3_ENDPOINT", stack.s3_endpoint)
    monkeypatch.setenv("STREAM_APP_S3_ACCESS_KEY", keys.access_key)
    monkeypatch.setenv("STREAM_APP_S3_SECRET_KEY", keys.secret_key)
    return CliRunner().invoke(packet, ["open", *arguments])


def test_a_reviewer_opens_the_transcript_and_not_the_recording(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = asyncio.run(_stored(stack))
    result = opened(stack, monkeypatch, "reviewer", uri, "--json", "--seconds", "60")
    assert result.exit_code == 1
    found = {one["name"]: one for one in json.loads(result.output)["artifacts"]}
    with urllib.request.urlopen(found["redactedTranscript"]["address"]) as answer:
        assert answer.read() == WORDS
    assert "X-Amz-Expires=60" in found["redactedTranscript"]["address"]
    assert (found["audio"]["address"], found["audio"]["problem"]) == (None, "these keys may not read it")
    alone = opened(stack, monkeypatch, "reviewer", uri, "--artifact", "redactedTranscript")
    assert alone.exit_code == 0
    assert opened(stack, monkeypatch, "admin", uri).exit_code == 0


def test_no_address_outlives_a_quarter_of_an_hour(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(stack, monkeypatch, "admin", "s3://review-packets/x", "--seconds", "901").exit_code == 2


def test_what_is_no_manifest_or_no_address_of_one_is_said(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(stack, monkeypatch, "admin", "s3://review-packets/nothing").exit_code == 3
    assert opened(stack, monkeypatch, "admin", "manifest.json").exit_code == 2
