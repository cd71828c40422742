"""The checker of outputs: right output passes, and every way to be wrong is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.calls import Feed
from bench.orders import Order, differences, faults, read_order


def right(calls: int = 50) -> tuple[list[Order], dict[str, frozenset[str]]]:
    complete = Feed().backlog("aa", calls, short=0.0).complete
    return [Order(call, 1, "all_evidence", tuple(sorted(events))) for call, events in complete.items()], complete


def document(call: str, *events: str, **more: object) -> bytes:
    body = {"canonicalCallId": call, "version": 1, "completedBy": "all_evidence", **more}
    return json.dumps({**body, "items": [{"event": {"eventId": event}} for event in events]}).encode()


def test_ours_and_a_peers_order_read_as_the_same() -> None:
    ours = read_order(document("c", "b", "a", policy={"version": "x"}))
    theirs = read_order(document("c", "a", "b", evidence=["a", "b"]))
    assert ours == theirs == Order("c", 1, "all_evidence", ("a", "b"))


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"canonicalCallId": 1}'])
def test_what_is_no_order_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="not an order"):
        read_order(value)


def test_an_order_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="lists"):
        read_order(document("c", "a", evidence=["a", "b"]))


def test_right_output_has_no_faults() -> None:
    orders, complete = right()
    assert faults(orders, complete) == []
    assert faults(reversed(orders), complete) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda orders: orders[1:], "never ordered"),
        (lambda orders: [*orders, orders[3]], "ordered more than once"),
        (lambda orders: [*orders, replace(orders[0], call="call-aa-999999999999")], "though incomplete"),
        (lambda orders: [replace(orders[0], events=orders[0].events[:3]), *orders[1:]], "other evidence"),
        (lambda orders: [replace(orders[0], events=(*orders[0].events[:3], "x")), *orders[1:]], "other evidence"),
        (lambda orders: [replace(orders[0], completed_by="deadline"), *orders[1:]], "all_evidence"),
        (lambda orders: [replace(orders[0], version=2), *orders[1:]], "version 1"),
    ],
)
def test_every_fault_is_found(spoil, says: str) -> None:  # type: ignore[no-untyped-def]
    orders, complete = right()
    (only,) = faults(spoil(orders), complete)
    assert says in only
    assert only.startswith("1 ")


def test_sides_that_agree_and_sides_that_differ() -> None:
    orders, _ = right()
    assert differences({"ours": orders, "raw": list(reversed(orders))}) == []
    assert differences({}) == []
    spoilt = [replace(orders[0], events=("x",)), *orders[1:]]
    assert differences({"ours": orders, "raw": orders, "quix": spoilt}) == ["quix and ours differ in 2 orders"]
    assert differences({"ours": orders, "quix": orders[1:]}) == ["quix and ours differ in 1 orders"]
