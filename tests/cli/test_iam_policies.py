"""`stream-app iam-policies`, and the real server: with a reviewer's keys every raw read fails."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from click.testing import CliRunner

from stream_app.cli.iam_policies import iam_policies
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import ObjectDenied
from stream_app.sinks.s3 import S3ObjectStore

RAW = ("raw-restricted", "staging", "provider-drop")


def test_policies_are_printed_for_the_buckets_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_PACKET_BUCKET", "our-packets")
    document = json.loads(CliRunner().invoke(iam_policies, []).output)
    assert set(document) == {"sealer", "gateway", "reviewer", "restricted", "eraser"}
    assert "arn:aws:s3:::our-packets/*" in str(document["reviewer"])
    assert json.loads(CliRunner().invoke(iam_policies, ["--role", "reviewer"]).output) == document["reviewer"]


def test_they_can_be_written_as_files(tmp_path: Path) -> None:
    assert CliRunner().invoke(iam_policies, ["--out", str(tmp_path)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "eraser.json", "gateway.json", "restricted.json", "reviewer.json", "sealer.json",
    ]  # fmt: skip


@pytest.mark.parametrize("raw", ["review-packets", "review-packets/raw"])
def test_raw_content_among_the_packets_is_refused(raw: str) -> None:
    result = CliRunner().invoke(iam_policies, ["--raw-bucket", raw])
    assert result.exit_code == 2
    assert "reviewers could read it" in result.output


def _store(stack: Endpoints, identity: str) -> S3ObjectStore:
    keys = stack.credentials[identity]
    return S3ObjectStore(endpoint_url=stack.s3_endpoint, access_key=keys.access_key, secret_key=keys.secret_key)


async def _status(address: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        return answer.status


@pytest.mark.parametrize("bucket", RAW)
async def test_with_a_reviewers_keys_every_raw_read_fails(stack: Endpoints, bucket: str) -> None:
    uri = f"s3://{bucket}/test/{uuid4()}"
    async with _store(stack, "admin") as admin, _store(stack, "reviewer") as reviewer:
        await admin.put(uri, b"raw words", media_type="text/plain")
        reads: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: reviewer.get(uri, max_bytes=100),
            lambda: reviewer.head(uri),
            lambda: reviewer.digest(uri, max_bytes=100),
            lambda: anext(reviewer.list(f"s3://{bucket}/test/")),
            lambda: reviewer.put(uri, b"mine", media_type="text/plain"),
            lambda: reviewer.delete(uri),
        )
        for read in reads:
            with pytest.raises(ObjectDenied):
                await read()
        assert await _status(await reviewer.presigned(uri, seconds=60)) == 403
        # The control: it is there, and whoever may read it can.
        assert await admin.get(uri, max_bytes=100) == b"raw words"
        assert await _status(await admin.presigned(uri, seconds=60)) == 200


async def test_a_reviewer_reads_packets_and_restricted_readers_read_what_is_raw(stack: Endpoints) -> None:
    raw, packet = f"s3://raw-restricted/test/{uuid4()}", f"s3://review-packets/test/{uuid4()}"
    async with (
        _store(stack, "sealer") as sealer, _store(stack, "restricted") as restricted, _store(stack, "reviewer") as qa,
    ):  # fmt: skip
        await sealer.put_once(raw, b"raw", media_type="text/plain")
        await sealer.put_once(packet, b"redacted", media_type="text/plain")
        assert await restricted.get(raw, max_bytes=10) == b"raw"
        assert await qa.get(packet, max_bytes=10) == b"redacted"
        for uri in (raw, packet):
            with pytest.raises(ObjectDenied):
                await restricted.put(uri, b"x", media_type="text/plain")


async def test_a_presigned_address_is_of_version_4_and_lives_a_quarter_of_an_hour_at_most(stack: Endpoints) -> None:
    async with _store(stack, "sealer") as store:
        address = await store.presigned("s3://review-packets/a", seconds=900)
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in address
        assert "X-Amz-Expires=900" in address
        for seconds in (0, 901):
            with pytest.raises(ValueError, match="900"):
                await store.presigned("s3://review-packets/a", seconds=seconds)
