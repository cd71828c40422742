"""The only place that decides on a webhook whose body is here: authentic, new, read, put away, confirmed.

Steps, numbered on from those of `server`: 5 signature, 6 replay, 7 parse, 8 adapter, 9 blobs, 10 broker, 11 answer.
In that order: nothing before 5 looks into the body, nothing is acknowledged before 10, and what is remembered by 6
was confirmed: a provider that sends again what we failed on is never told that we have it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from stream_app.core import cloud_events
from stream_app.core.events import EVENT_TYPES, Event
from stream_app.core.identities import aliases_of, by_precedence
from stream_app.core.wire import Json, WireError, read_json, write_json
from stream_app.gateway.answers import Answer
from stream_app.gateway.replay_cache import ReplayCache
from stream_app.gateway.signatures.live_secrets import LiveSecrets
from stream_app.gateway.signatures.registry import Scheme
from stream_app.gateway.signatures.request import Received
from stream_app.gateway.signatures.verdict import Verdict
from stream_app.gateway.staging import Stager, StagingNotConfigured
from stream_app.pipeline.ports import ConfirmedWriter, NotConfirmed, Outgoing, StoreError
from stream_app.providers.adapter import Delivery, Normalised
from stream_app.providers.privacy import Screen, numbers_of
from stream_app.providers.registry import Refusal, normalize, provider_named
from stream_app.topics import topic_named

log = logging.getLogger(__name__)

BESIDE_BYTES = 256 * 1024
"""From this size on a thread checks and reads a body: others' webhooks should not wait for it."""
_ENVELOPE_BYTES = 4096
"""What a record has beside its value, at most about that: key, headers."""
_LARGEST = {model.TYPE: topic_named(model.TYPE).max_message_bytes for model in EVENT_TYPES}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request with its body, and which provider it was sent to."""

    scheme: Scheme
    source: str
    received: Received
    query: Mapping[str, str]
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Read:
    """What a payload came to, and what looks for its phone numbers once more."""

    made: Normalised | Refusal
    screen: Screen


class Reception:
    """Steps 5 to 11, for every provider alike."""

    def __init__(
        self,
        *,
        secrets: Callable[[str], LiveSecrets],
        stager: Stager,
        writer: ConfirmedWriter,
        within_s: float,
        name_key: bytes = b"",
        replays: ReplayCache | None = None,
    ) -> None:
        """`within_s`: how long steps 9 and 10 may take together."""
        self._secrets = secrets
        self._stager = stager
        self._writer = writer
        self._within_s = within_s
        self._name_key = name_key
        self._replays = ReplayCache() if replays is None else replays

    async def receive(self, webhook: Webhook) -> Answer:
        """What to answer. Raises nothing that has a name."""
        name, beside = webhook.scheme.name, len(webhook.received.body) >= BESIDE_BYTES
        # 5. Who says so? On the raw bytes.
        secrets = self._secrets(name)
        arguments = (webhook.received, secrets, webhook.at_ms)
        verdict = (
            await asyncio.to_thread(webhook.scheme.verify, *arguments) if beside else webhook.scheme.verify(*arguments)
        )
        if verdict.bad_request:
            return Answer("refused", "not_readable")
        if verdict.proof is None:
            log.info("a webhook of %s is not authentic: %s (%s)", name, verdict.reason, verdict.detail)
            return Answer("not_authentic", verdict.reason)
        # 6. Was this very delivery confirmed before?
        if self._replays.seen(name, verdict.proof, webhook.at_ms):
            return Answer("duplicate")
        # 7. and 8. What does it say?
        read = await asyncio.to_thread(self._read, webhook, verdict) if beside else self._read(webhook, verdict)
        if isinstance(read.made, Refusal):
            return self._refused(name, read.made)
        ends = time.monotonic() + self._within_s
        try:
            # 9. Blobs first: an event never names what is not there.
            async with asyncio.timeout(self._within_s):
                events = await self._stager.put_away(read.made, read.screen)
            # 10. Every event, confirmed.
            records = [record_of(event) for event in events]
            if any(len(one.value or b"") + _ENVELOPE_BYTES > _LARGEST[one.topic] for one in records):
                return Answer("too_large", "event_too_large")
            await self._writer.write(records, within_s=max(0.001, ends - time.monotonic()))
        except ValueError:  # Two trace IDs in one event name two calls.
            return Answer("refused", "invalid_value")
        except StagingNotConfigured:
            return Answer("unavailable", "staging_not_configured")
        except (StoreError, TimeoutError) as error:
            log.warning("a webhook of %s was not staged: %s", name, type(error).__name__)
            return Answer("unavailable", "store_unavailable")
        except NotConfirmed as error:
            log.warning("a webhook of %s was not confirmed: %s", name, error)
            return Answer("unavailable", "broker_unavailable")
        # 11. Only now it is ours.
        self._replays.remember(name, verdict.proof, webhook.at_ms)
        return Answer("accepted", event_ids=tuple(event.event_id for event in events))

    def _read(self, webhook: Webhook, verdict: Verdict) -> _Read:
        """7. Parse, 8. adapter. Also in a thread: touches nothing of this object."""
        document = verdict.proof.document if verdict.proof is not None else None
        try:
            document = _document(webhook.received) if document is None else document
        except WireError as error:
            return _Read(Refusal("not_readable", error.detail), Screen())
        delivery = Delivery(document, webhook.source, webhook.at_ms, webhook.query)
        made = normalize(provider_named(webhook.scheme.name), delivery, name_key=self._name_key)
        blobs = made.blobs if isinstance(made, Normalised) else ()
        linked = any(blob.link is not None for blob in blobs)
        numbers = numbers_of([document, dict(webhook.query)]) if linked else frozenset()
        return _Read(made, Screen(numbers, self._name_key))

    def _refused(self, name: str, refusal: Refusal) -> Answer:
        if refusal.reason == "nothing_to_report":
            return Answer("nothing_to_report", refusal.reason)
        log.info("a webhook of %s gives no events: %s (%s)", name, refusal.reason, refusal.detail)
        return Answer("refused", refusal.reason)


def _document(received: Received) -> Json:
    """7. The body as a document; what was verified as a form is read as a form. Raises WireError."""
    if not received.is_form:
        return read_json(received.body)
    try:
        pairs = parse_qsl(received.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise WireError("not_json", "neither JSON nor a form") from None
    return dict(pairs)


def record_of(event: Event) -> Outgoing:
    """The event as a record of its topic: CloudEvents in binary mode, keyed by the best name of its call.

    Raises ValueError for an event that contradicts itself.
    """
    key = event.canonical_call_id or by_precedence(aliases_of(event))[0]
    headers = cloud_events.headers(
        type=cloud_events.event_type(event.TYPE),
        source=event.source,
        id=event.event_id,
        subject=key,
        time_ms=event.occurred_at,
        schema=cloud_events.schema_uri(event.TYPE),
    )
    return Outgoing(event.TYPE, key.encode(), write_json(event.to_dict()), headers)
