"""A trace that nobody told of is opened where calls are sealed: found, waited for, or named as missing."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.events import KeySpan
from stream_app.core.orders import Missing, SealOrder
from stream_app.pipeline.ports import Effects, TraceAbsent, TraceUnavailable
from stream_app.pipeline.seal import Sealer
from stream_app.pipeline.trace_opener import NOTHING, open_trace
from tests.examples import PACKET_BUCKET, PRODUCED_BY, RAW_BUCKET, contract_order
from tests.fakes import InMemoryObjectStore
from tests.pipeline.test_seal import World, as_incoming, incoming, one, packet_in

SPANS = (KeySpan(name="llm", count=3, p95_ms=400, errors=1),)


class Traces:
    """A trace backend that knows these traces; others it does not, or is `away`."""

    def __init__(self, **known: tuple[KeySpan, ...]) -> None:
        self.known = known
        self.away = False
        self.asked: list[str] = []

    async def key_spans(self, trace_id: str) -> tuple[KeySpan, ...]:
        self.asked.append(trace_id)
        if self.away:
            raise TraceUnavailable("the trace backend did not answer")
        if trace_id not in self.known:
            raise TraceAbsent("the trace backend does not know it")
        return self.known[trace_id]


def untold(**review: Any) -> SealOrder:
    """The contract's order as it is at its deadline, where no trace-completed came."""
    order = contract_order()
    gap = Missing(kind="trace", reason="never_seen", expected_from="trace-completed")
    required = "trace" in order.review.required
    assert required
    return order.model_copy(
        update={
            "items": tuple(item for item in order.items if item.kind != "trace"),
            "missing": (gap,),
            "review": order.review.model_copy(update=review),
        }
    )


def trace_of(order: SealOrder) -> str:
    return order.aliases["traceId"]


def world(traces: Traces) -> World:
    made = World()
    made.sealer = Sealer(
        made.store, packet_bucket=PACKET_BUCKET, raw_bucket=RAW_BUCKET,
        source_buckets=("provider-drop",), max_artifact_bytes=1 << 30,
        produced_by=PRODUCED_BY, seal_budget_ms=10_000, now=lambda: made.now, steady=lambda: made.now, traces=traces,
    )  # fmt: skip
    return made


def artifact(store: InMemoryObjectStore, packet: dict[str, Any]) -> dict[str, Any]:
    manifest = json.loads(store.objects[packet["manifestUri"]])
    document: dict[str, Any] = json.loads(store.objects[manifest["artifacts"]["traceUri"]])
    return document


async def test_a_required_trace_that_can_be_opened_is_not_missing() -> None:
    order = untold()
    made = world(Traces(**{trace_of(order): SPANS}))
    packet = packet_in(await made.seal(order))
    assert packet["missing"] == []
    assert packet["status"] == "complete"
    assert {gate["gate"]: gate["verdict"] for gate in packet["gates"]}["trace"] == "pass"
    opened = artifact(made.store, packet)["opened"]
    assert opened == {"traceId": trace_of(order), "keySpans": [SPANS[0].to_dict()]}


async def test_a_trace_that_somebody_told_of_is_not_asked_for() -> None:
    traces = Traces()
    await world(traces).seal(contract_order())
    assert traces.asked == []


async def test_one_that_is_not_there_yet_is_waited_for() -> None:
    order = untold()
    traces = Traces()
    made = world(traces)
    effects = await made.seal(order)
    assert one(effects, "seal-retry")
    traces.known[trace_of(order)] = SPANS
    assert packet_in(await made.retry(effects))["missing"] == []


async def test_one_that_never_comes_is_named_when_the_budget_is_spent() -> None:
    made = world(traces := Traces())
    traces.away = True
    effects: Effects = await made.seal(untold())
    for _ in range(20):
        if not any(send.topic == "seal-retry" for send in effects.sends):
            break
        record = as_incoming(one(effects, "seal-retry"))
        made.now += 2_000
        effects = await made.sealer.handle(record)
    packet = packet_in(effects)
    (gap,) = packet["missing"]
    assert (gap["kind"], gap["reason"], gap["detail"]) == ("trace", "fetch_failed", "the trace backend did not answer")
    assert packet["status"] == "incomplete"


async def test_where_it_is_not_required_nothing_waits() -> None:
    order = untold()
    required = tuple(kind for kind in order.review.required if kind != "trace")
    optional = untold(required=required).model_copy(update={"missing": ()})
    assert await open_trace(Traces(), optional, PACKET_BUCKET) == NOTHING
    assert (await open_trace(Traces(**{trace_of(order): SPANS}), optional, PACKET_BUCKET)).found


async def test_without_a_backend_or_a_name_or_where_figures_alone_leave_nothing_is_asked() -> None:
    order = untold()
    traces = Traces(**{trace_of(order): SPANS})
    assert await open_trace(None, order, PACKET_BUCKET) == NOTHING
    assert await open_trace(traces, order.model_copy(update={"aliases": {}}), PACKET_BUCKET) == NOTHING
    assert await open_trace(traces, untold(export_level="aggregate_only"), PACKET_BUCKET) == NOTHING
    odd = order.model_copy(update={"aliases": {"traceId": "../admin"}})
    assert await open_trace(traces, odd, PACKET_BUCKET) == NOTHING
    assert traces.asked == []


async def test_the_same_trace_gives_the_same_packet() -> None:
    order = untold()
    bodies = [
        one(await world(Traces(**{trace_of(order): SPANS})).sealer.handle(incoming(order)), "packets").value
        for _ in range(2)
    ]
    assert bodies[0] == bodies[1]
