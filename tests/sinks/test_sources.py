"""Sources by scheme: links of the right host, files of one directory, the store for everything else."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stream_app.pipeline.ports import (
    ObjectDenied,
    ObjectMissing,
    ObjectTooLarge,
    StoreError,
    StoreUnavailable,
)
from stream_app.sinks.links import Unfetched
from stream_app.sinks.sources import SourceStore
from tests.fakes import InMemoryObjectStore

BODY = b"0123456789" * 100_000


class Links:
    """Stands for a LinkFetcher."""

    def __init__(self, outcome: bytes | str) -> None:
        self.outcome = outcome

    async def __aenter__(self) -> Links:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def pass_on(self, link: str, take: Any) -> None:
        if isinstance(self.outcome, str):
            raise Unfetched(self.outcome)  # type: ignore[arg-type]
        for begin in range(0, len(self.outcome), 1000):
            take(self.outcome[begin : begin + 1000])


def linked(outcome: bytes | str) -> SourceStore:
    return SourceStore(InMemoryObjectStore(), links=lambda _most: Links(outcome))  # type: ignore[arg-type,return-value]


async def test_the_store_keeps_its_own() -> None:
    store = SourceStore(InMemoryObjectStore({"s3://a/b": BODY}))
    assert await store.get("s3://a/b", max_bytes=len(BODY)) == BODY
    assert await store.digest("s3://a/b", max_bytes=len(BODY)) == (sha256(BODY).hexdigest(), len(BODY))
    assert (await store.head("s3://a/b")).size == len(BODY)
    assert [uri async for uri in store.list("s3://a/")] == ["s3://a/b"]
    assert await store.put_once("s3://a/b", b"", media_type="x/y") == "exists"


async def test_a_link_is_read_whole_or_as_a_digest_and_what_passes_is_shown() -> None:
    seen = bytearray()
    assert await linked(BODY).get("https://example.org/a", max_bytes=1 << 30) == BODY
    digest = await linked(BODY).digest("https://example.org/a", max_bytes=1 << 30, tee=seen.extend)
    assert digest == (sha256(BODY).hexdigest(), len(BODY))
    assert bytes(seen) == BODY


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("host_not_allowed", ObjectDenied),
        ("too_large", ObjectTooLarge),
        ("too_slow", StoreUnavailable),
        ("not_fetched", StoreUnavailable),
    ],
)
async def test_what_is_wrong_with_a_link_is_said_as_of_any_object(reason: str, error: type[StoreError]) -> None:
    with pytest.raises(error):
        await linked(reason).get("https://example.org/a", max_bytes=1)


async def test_without_hosts_no_link_is_read() -> None:
    with pytest.raises(ObjectDenied):
        await SourceStore(InMemoryObjectStore()).get("https://example.org/a", max_bytes=1)


async def test_files_below_the_directory_are_read_and_no_others(tmp_path: Path) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    (root / "a.wav").write_bytes(BODY)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    store = SourceStore(InMemoryObjectStore(), files=root)
    assert await store.digest(f"file://{root}/a.wav", max_bytes=len(BODY)) == (sha256(BODY).hexdigest(), len(BODY))
    for uri in (f"file://{tmp_path}/secret", f"file://{root}/../secret", f"file://{root}/link", "file:///etc/passwd"):
        with pytest.raises(ObjectDenied):
            await store.get(uri, max_bytes=100)
    with pytest.raises(ObjectMissing):
        await store.get(f"file://{root}/none", max_bytes=100)
    with pytest.raises(ObjectTooLarge):
        await store.get(f"file://{root}/a.wav", max_bytes=10)
    with pytest.raises(ObjectDenied):
        await SourceStore(InMemoryObjectStore()).get(f"file://{root}/a.wav", max_bytes=1 << 30)
