"""What tests of the gateway share: a reception over a writer and a store in memory, webhooks signed as by Retell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_app.gateway.reception import Reception, Webhook
from stream_app.gateway.signatures.live_secrets import live_secrets
from stream_app.gateway.signatures.registry import scheme_named
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.staging import Stager
from stream_app.pipeline.ports import NotConfirmed, Outgoing
from tests.fakes import InMemoryObjectStore
from tests.gateway.signatures import signing
from tests.providers.trying import Trying

SECRET = "own-retell-key"
NOW_MS = signing.NOW_MS


class Writer:
    """Confirms what it is given, or says that it could not."""

    def __init__(self) -> None:
        self.written: list[Outgoing] = []
        self.away = False
        self.pause_s = 0.0

    async def write(self, records: Sequence[Outgoing], *, within_s: float) -> None:
        if self.pause_s:
            await asyncio.sleep(min(self.pause_s, within_s))
        if self.away:
            raise NotConfirmed("away")
        self.written += records

    async def ask(self) -> None:
        if self.away:
            raise NotConfirmed("away")


class Links:
    """No host is allowed."""

    def allows(self, _link: str) -> bool:
        return False

    async def fetch(self, _link: str) -> bytes:
        raise AssertionError("not allowed")


@dataclass
class World:
    """A reception and all that it writes to."""

    writer: Writer = field(default_factory=Writer)
    store: InMemoryObjectStore | None = field(default_factory=InMemoryObjectStore)
    within_s: float = 1.0

    def __post_init__(self) -> None:
        self.stager = Stager(self.store, "staging", Links())
        self.reception = Reception(
            secrets=lambda _: live_secrets([SECRET]), stager=self.stager, writer=self.writer, within_s=self.within_s
        )

    def receive(self, *webhooks: Webhook) -> list[Any]:
        async def run() -> list[Any]:
            return [await self.reception.receive(one) for one in webhooks]

        return asyncio.run(run())


def payload(name: str = "call-ended") -> Any:
    """One of Retell's webhooks, of our own making."""
    return Trying("retell").own(name)


def webhook(document: Any, *, secret: str = SECRET, body: bytes | None = None, at_ms: int = NOW_MS) -> Webhook:
    body = json.dumps(document).encode() if body is None else body
    return Webhook(scheme_named("retell"), "retell", request(body, secret), {}, at_ms)


def request(body: bytes, secret: str = SECRET) -> Received:
    headers = {"X-Retell-Signature": signing.retell(secret, body), **signing.JSON}
    return signing.received(headers, body)
