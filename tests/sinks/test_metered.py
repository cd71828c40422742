"""The metered store: every failure counted once, under its own name, and passed on unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stream_app.pipeline.ports import (
    ObjectDenied,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    StoreError,
    StoreUnavailable,
)
from stream_app.sinks.metered import FAILURES, MeteredStore
from stream_app.telemetry import disabled
from stream_app.telemetry.catalogue import FAILURE
from tests.fakes import InMemoryObjectStore

URI = "s3://review-packets/a"


class Counts(list[tuple[str, str]]):
    """What was recorded; the labels are checked as the real recorder checks them."""

    def store_error(self, operation: Any, failure: Any) -> None:
        disabled().recorder.store_error(operation, failure)
        self.append((operation, failure))


class Failing:
    """A store in which every operation raises one error."""

    def __init__(self, error: StoreError) -> None:
        self.error = error

    async def put_once(self, *_: object, **__: object) -> Any:
        raise self.error

    get = head = digest = put_once

    async def list(self, _prefix: str) -> AsyncIterator[str]:
        raise self.error
        yield


async def _listed(store: MeteredStore) -> list[str]:
    return [uri async for uri in store.list("s3://review-packets/")]


OPERATIONS: dict[str, Callable[[MeteredStore], Awaitable[object]]] = {
    "put": lambda store: store.put_once(URI, b"x", media_type="text/plain"),
    "get": lambda store: store.get(URI, max_bytes=9),
    "head": lambda store: store.head(URI),
    "digest": lambda store: store.digest(URI, max_bytes=9),
    "list": _listed,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("error", "failure"), FAILURES)
async def test_a_failure_is_counted_and_passed_on(error: type[StoreError], failure: str, operation: str) -> None:
    counts: Any = Counts()
    raised = error(URI, "why")
    with pytest.raises(StoreError) as caught:
        await OPERATIONS[operation](MeteredStore(Failing(raised), counts))
    assert caught.value is raised
    assert counts == [(operation, failure)]


async def test_what_works_is_passed_through_and_not_counted() -> None:
    counts: Any = Counts()
    store: ObjectStore = MeteredStore(InMemoryObjectStore(), counts)
    assert await store.put_once(URI, b"body", media_type="text/plain") == "stored"
    assert await store.put_once(URI, b"body", media_type="text/plain") == "exists"
    assert await store.get(URI, max_bytes=9) == b"body"
    assert (await store.head(URI)).size == 4
    assert (await store.digest(URI, max_bytes=9))[1] == 4
    assert [uri async for uri in store.list("s3://review-packets/")] == [URI]
    assert counts == []


def test_every_error_and_every_label_has_its_row() -> None:
    assert {kind for kind, _ in FAILURES} == {
        ObjectMissing, ObjectDenied, ObjectTooLarge, StoreUnavailable, StoreError,
    }  # fmt: skip
    assert tuple(name for _, name in FAILURES) == FAILURE.values
