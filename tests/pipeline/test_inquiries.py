"""Questions to rows: aliases, values of any scheme, a call, open joins in slices, sealed versions; no writing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream_app.core.manifest import manifest_uri
from stream_app.core.open_joins import Wanted
from stream_app.pipeline import inquiries
from stream_app.pipeline.ports import StoreUnavailable
from tests import stories
from tests.fakes import InMemoryObjectStore
from tests.simulator import Simulator
from tests.stories import START_MS

ROOM = {"livekitRoom": "r:1"}


def line(*documents: dict[str, Any]) -> Simulator:
    made = Simulator(partitions=1, seed=1)
    made.now = START_MS + 1000
    made.tick()
    for document in documents:
        made.publish(document)
    made.tick(1000)
    return made


def linked() -> Simulator:
    return line(
        stories.call_ended(aliases={**ROOM, "twilioCallSid": "CA1"}),
        stories.tool("waits", call=None, aliases={"sipCallId": "r:1"}),
    )


def test_an_alias_is_told_with_its_owner_and_who_said_so() -> None:
    rows = linked().lanes["identity", 0].rows
    (found,) = inquiries.aliases(rows, ["livekitRoom:r:1", "livekitRoom:nobody", "livekitRoom:r:1"])
    assert (found["canonicalCallId"], found["saidBy"]) == ("call-1", "test/call-ended")
    assert found["parked"] == []
    assert found["forgottenAt"]


def test_a_value_is_found_under_every_scheme_and_beside_the_index() -> None:
    rows = linked().lanes["identity", 0].rows
    rows[b"progress/identity/0"] = b"{}"
    assert [one["alias"] for one in inquiries.named(rows, "r:1")] == ["livekitRoom:r:1", "sipCallId:r:1"]
    assert [one["alias"] for one in inquiries.named(rows, "CA1")] == ["twilioCallSid:CA1"]
    assert inquiries.named(rows, "nobody") == []
    (waits,) = inquiries.aliases(rows, ["sipCallId:r:1"])
    assert [(one["eventId"], one["position"]) for one in waits["parked"]] == [("waits", "tool-call/0/0")]
    assert waits["orphanAt"]


def test_to_find_a_value_costs_a_scan_for_each_scheme_and_not_for_each_alias() -> None:
    rows = linked().lanes["identity", 0].rows
    row = rows[b"livekitRoom:r:1"]
    for number in range(500):
        rows[f"livekitRoom:x{number}".encode()] = row
    scans = []
    scan = rows.scan
    rows.scan = lambda *asked: scans.append(asked) or scan(*asked)  # type: ignore[method-assign, func-returns-value]
    inquiries.named(rows, "r:1")
    assert len(scans) < 10


def test_a_call_is_told_by_its_id() -> None:
    made = linked()
    rows, view = made.lanes["evidence", 0].rows, made.joins[0].view()
    found = inquiries.call(rows, view, "call-1")
    assert found is not None
    assert found["namedBy"] == {"livekitRoom:r:1": ["test/call-ended"], "twilioCallSid:CA1": ["test/call-ended"]}
    assert START_MS in found["days"]
    assert inquiries.call(rows, view, "call-2") is None


@pytest.mark.parametrize("portion", [1, 3, 200])
async def test_open_joins_are_counted_in_slices_and_the_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(inquiries, "SLICE", portion)
    made = line(*(stories.call_ended(f"e{number}", call=f"call-{number}") for number in range(7)))
    made.publish(stories.trace("t", call="call-0"))
    made.publish(stories.evaluation("e", call="call-0"))
    made.tick(1000)
    rows, view = made.lanes["evidence", 0].rows, made.joins[0].view()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    before = dict(rows)
    found = await inquiries.open_joins(rows, view, Wanted(made.now))
    beside.cancel()
    assert found["count"] == 6
    assert [row["canonicalCallId"] for row in found["joins"]] == [f"call-{number}" for number in range(1, 7)]
    assert rows == before
    assert turns >= (6 // portion if portion < 7 else 0)


async def test_an_entry_of_the_index_that_no_row_says_counts_for_nothing() -> None:
    made = line(stories.call_ended())
    rows, view = made.lanes["evidence", 0].rows, made.joins[0].view()
    rows[b"due/" + (1).to_bytes(8, "big") + b"call-1"] = b"\x01"
    rows[b"due/" + (1).to_bytes(8, "big") + b"gone"] = b"\x01"
    assert (await inquiries.open_joins(rows, view, Wanted(made.now)))["count"] == 1


async def test_sealed_versions_are_looked_for_on_each_day_and_what_cannot_be_read_is_said() -> None:
    uri = manifest_uri("packets", "call-1", START_MS, 1)
    store = InMemoryObjectStore({uri: b"{}"})
    days = [START_MS - 86_400_000, START_MS]
    (found,) = await inquiries.sealed(store, "packets", "call-1", days, 2)
    assert found == {
        "packetId": None, "status": "unreadable (ManifestError)", "manifestUri": uri, "manifestHash": None,
    }  # fmt: skip
    assert await inquiries.sealed(store, "packets", "call-2", days, 2) == []
    store.fail("s3://packets", StoreUnavailable)
    (found,) = await inquiries.sealed(store, "packets", "call-1", days[:1], 1)
    assert found["status"] == "unreadable (StoreUnavailable)"
