"""The only place where the sealer learns a call's known values: what its events conceal, read with the call's keys.

Where a key was destroyed the call was to be forgotten; where the store that holds the keys is away, sealing waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from stream_app.core.concealment import FIELD, private_of
from stream_app.core.orders import SealOrder
from stream_app.core.redaction.private_values import values_in
from stream_app.core.wire import Json

if TYPE_CHECKING:
    from stream_app.pipeline.call_keys import CallKeys

Known = Callable[[SealOrder], Awaitable[Sequence[Json]]]
"""A call's values that must not leave in any form. Raises KeysGone, UnknownKeys, StoreError."""


class UnknownKeys(Exception):
    """The call conceals values, and this deployment has no keys to read them with."""


async def nothing_known(order: SealOrder) -> Sequence[Json]:
    """What is known where no keys are set: nothing. Raises UnknownKeys where something is concealed all the same."""
    if any(FIELD in item.event for item in order.items):
        raise UnknownKeys("the call conceals values, and no master key is set here to read them with")
    return ()


def known_by(keys: CallKeys | None) -> Known:
    """Known values as these keys tell them."""
    if keys is None:
        return nothing_known
    held = keys

    async def known(order: SealOrder) -> Sequence[Json]:
        found: list[Json] = []
        for item in order.items:
            if FIELD in item.event:
                found += values_in(private_of(await held.reveal(item.event[FIELD])))
        return found

    return known
