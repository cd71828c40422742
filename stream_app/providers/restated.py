"""The only place for the IDs of facts that a provider states more than once, and not always in the same words.

A call's end is told by several webhooks, and a link to its recording is signed anew in each. Under one event ID that
would be a contradiction. So the ID also says how the fact was told: what is told again alike is a duplicate, and what
is told otherwise is another report of the same fact.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

from stream_app.core.events import Event
from stream_app.core.summaries import summarise
from stream_app.core.wire import digest_of

AnyEvent = TypeVar("AnyEvent", bound=Event)

_CONTENTS = ("arguments", "result")
_MAX_ID = 256


def told(event: AnyEvent) -> AnyEvent:
    """The same event under an ID that tells it from other reports of its fact.

    Event IDs are shown to reviewers, and a digest of a phone number can be guessed: so names and a tool's payloads
    count by their shape only.
    """
    document = event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"event_id"})
    for name in _CONTENTS:
        if name in document:
            document[name] = summarise(document[name])
    document["aliases"] = sorted(document["aliases"])
    for name in ("canonicalCallId", "traceId", "error"):
        document[name] = name in document
    return event.model_copy(update={"event_id": fitting(f"{event.event_id}:{digest_of(document)[:16]}")})


def fitting(id: str) -> str:
    """An ID no longer than one may be; of a longer one its begin and a digest."""
    return id if len(id) <= _MAX_ID else f"{id[:190]}:{sha256(id.encode()).hexdigest()}"
