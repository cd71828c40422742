"""What the sealer knows of a call: what its events conceal, or why that cannot be read."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from stream_app.core.concealment import FIELD
from stream_app.core.gates.example import EXAMPLE
from stream_app.core.orders import SealOrder
from stream_app.core.wire import write_json
from stream_app.pipeline.call_keys import KeysGone
from stream_app.pipeline.known import UnknownKeys, known_by


class Keys:
    """Reads what is in `content`."""

    def __init__(self, **content: bytes) -> None:
        self.content = content

    async def reveal(self, written: str) -> bytes:
        if written not in self.content:
            raise KeysGone("destroyed")
        return self.content[written]


def order(*concealed: str) -> SealOrder:
    document: dict[str, Any] = deepcopy(EXAMPLE["order"])
    for item, written in zip(document["items"], concealed, strict=False):
        item["event"][FIELD] = written
    return SealOrder.from_dict(document)


def keys(**content: bytes) -> Any:
    return Keys(**content)


async def test_values_of_all_events_are_known() -> None:
    made = known_by(
        keys(
            a=write_json({"arguments": {"phone": "+14155550142", "item": "pizza"}}),
            b=write_json({"knownValues": ["Ana Ruiz"]}),
        )
    )
    assert await made(order("a", "b")) == ["+14155550142", "Ana Ruiz"]
    assert await made(order()) == []


async def test_a_destroyed_key_is_said() -> None:
    with pytest.raises(KeysGone):
        await known_by(keys())(order("a"))


async def test_without_keys_nothing_is_known_and_nothing_may_be_concealed() -> None:
    assert await known_by(None)(order()) == ()
    with pytest.raises(UnknownKeys, match="master key"):
        await known_by(None)(order("a"))
