"""Orders and alerts survive their JSON to the byte: what is sealed is what was ordered."""

from __future__ import annotations

import json

from stream_app.core.orders import JoinAlert, SealOrder, SealRetry
from tests.examples import CONTRACT, contract_order


def test_an_order_survives_its_bytes() -> None:
    order = contract_order()
    again = SealOrder.from_dict(json.loads(order.to_bytes()))
    assert again == order
    assert again.to_bytes() == order.to_bytes()


def test_a_retry_carries_its_order_whole() -> None:
    order = contract_order()
    retry = SealRetry(attempt=1, first_failed_at=5, not_before=10, failure="transcript: missing", order=order)
    assert SealRetry.from_dict(json.loads(retry.to_bytes())).order.to_bytes() == order.to_bytes()


def test_the_contracts_alert_is_one_of_ours_to_the_field() -> None:
    document = json.loads((CONTRACT / "join-alert.json").read_text())
    assert JoinAlert.from_dict(document).to_dict() == document
