"""The only place where a provider's word on a recording or a transcript becomes an `artifact-ready` event.

Three things are told apart: it is there; it never will be, and why (switched off, failed, deleted); and nothing is
said, which is no event at all. A link that expires, that says in its query what is meant, or that holds a phone number
is not kept: what it leads to is staged.
"""

from __future__ import annotations

from typing import Any

from stream_app.core.events import ArtifactKind, ArtifactReady, RedactionState, Reference
from stream_app.providers.adapter import Blob, Delivery, Refused, event
from stream_app.providers.privacy import Screen, bare_link, is_bare, numbers_of


def at_link(
    delivery: Delivery, link: str, *, media_type: str | None = None, redaction_state: RedactionState = "unknown",
    expiring: bool = False, **fields: Any,
) -> tuple[Reference, tuple[Blob, ...]]:  # fmt: skip
    """A reference to what lies at a link, and what must be staged first. `fields` are further ones of `Reference`.

    `expiring`: the provider says that the link will not last, whether it looks so or not.
    Raises Refused (`invalid_value`) for what is no link.
    """
    bare = bare_link(link)
    if bare is None or len(bare) > 2048:
        raise Refused("invalid_value", "a link to an artifact is no http, https, s3 or gs address")
    must_go = expiring or not is_bare(link) or Screen(numbers_of(delivery.document)).has_number(bare)
    blobs = (Blob(media_type or "application/octet-stream", link=link.strip()),) if must_go else ()
    uri = blobs[0].uri if blobs else bare
    return Reference(uri=uri, media_type=media_type, redaction_state=redaction_state, **fields), blobs


def ready(
    delivery: Delivery, artifact: ArtifactKind, reference: Reference, *, id: str, at_ms: int | None, **names: Any
) -> ArtifactReady:
    """The artifact is there."""
    return event(
        ArtifactReady,
        delivery,
        id=id,
        at_ms=at_ms,
        artifact=artifact,
        availability="ready",
        reference=reference,
        **names,
    )


def never(
    delivery: Delivery, artifact: ArtifactKind, reason: str, *, id: str, at_ms: int | None, **names: Any
) -> ArtifactReady:
    """The artifact will never come, for this reason: nobody needs to wait for it."""
    return event(
        ArtifactReady, delivery, id=id, at_ms=at_ms, artifact=artifact, availability="never", reason=reason, **names
    )
