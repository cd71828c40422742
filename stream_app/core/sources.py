"""The only place that decides which source objects a packet uses, and which of them may be read at all.

An event may name any address, so an address is an order from a stranger: only `s3://` objects in the configured source
buckets, `https://` addresses of hosts and (in development) files below a directory that stand on the same list are ever
asked for, and only those whose producer states that they are redacted. Transcripts that are
redacted here are read whatever is stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream_app.core.events import Reference
from stream_app.core.orders import Item, Missing, MissingReason, SealOrder
from stream_app.core.requirements import EXPECTED_FROM

SourceKind = Literal["transcript", "recording"]
SOURCE_KINDS: tuple[SourceKind, ...] = ("transcript", "recording")


@dataclass(frozen=True, slots=True)
class Source:
    """A source object that may be read, and what its producer says of it."""

    kind: SourceKind
    reference: Reference
    event_id: str


def sources_of(
    order: SealOrder, source_buckets: tuple[str, ...], *, redacting: bool = False
) -> tuple[tuple[Source, ...], tuple[Missing, ...]]:
    """(what to read, what is named by the evidence but withheld); a kind that nothing refers to is in neither.

    `redacting`: transcripts are redacted here, so that one which is not stated to be redacted may be read.
    """
    readable: list[Source] = []
    withheld: list[Missing] = []
    if order.review.export_level == "aggregate_only":
        return (), ()  # Such packets carry figures only, so no artifact is missing from them.
    for kind in SOURCE_KINDS:
        source = _chosen(kind, order.items)
        if source is None:
            continue
        # Of a recording nothing is copied: restricted readers may be pointed to one that is not redacted.
        usable = redacting if kind == "transcript" else order.review.export_level == "raw_restricted"
        obstacle = obstacle_to(source.reference, source_buckets, redacting=usable)
        if obstacle is None:
            readable.append(source)
        else:
            withheld.append(missing(kind, "withheld_by_policy", obstacle))
    return tuple(readable), tuple(withheld)


def missing(kind: SourceKind, reason: MissingReason, detail: str) -> Missing:
    """An artifact that the evidence names and the packet does not have."""
    return Missing(kind=kind, reason=reason, detail=detail[:300], expected_from=EXPECTED_FROM[kind])


def obstacle_to(reference: Reference, source_buckets: tuple[str, ...], *, redacting: bool = False) -> str | None:
    """Why this object is never asked for; None where it may be. The text never repeats the address.

    `redacting`: it need not be stated to be redacted.
    """
    outside = _outside(reference.uri, source_buckets)
    if outside is not None:
        return outside
    if reference.redaction_state != "redacted" and not redacting:
        return f"its redaction state is {reference.redaction_state}; only what is stated to be redacted is used"
    return None


def _outside(uri: str, allowed: tuple[str, ...]) -> str | None:
    """`allowed`: names of buckets, `https://host` (with all below it), `file:///directory`."""
    scheme, _, rest = uri.partition("://")
    if scheme == "https":
        if "?" in rest or "#" in rest or "@" in rest:
            # Whoever holds a signed address can read what it leads to: it must not stand in a manifest.
            return "the reference is an address with a query or a user in it, which may give access"
        host = rest.partition("/")[0].lower().rstrip(".")
        hosts = [one.removeprefix("https://").lower().strip(".") for one in allowed if one.startswith("https://")]
        known = any(one and (host == one or host.endswith(f".{one}")) for one in hosts)
        return None if known else "the reference points to a host that is not allowed"
    if scheme == "file":
        roots = [one.removeprefix("file://").rstrip("/") for one in allowed if one.startswith("file:///")]
        odd = any(part in (".", "..") for part in rest.split("/")) or "%" in rest or "\\" in rest
        known = not odd and any(root and rest.startswith(f"{root}/") for root in roots)
        return None if known else "the reference points to a file outside of the allowed directory"
    bucket = bucket_of(uri)
    if bucket is None:
        return "the reference is not an s3://bucket/key address"
    return None if bucket in allowed else "the reference points outside the allowed source buckets"


def bucket_of(uri: str) -> str | None:
    """The bucket of `s3://bucket/key`; None for any other address, or one that leads elsewhere when tidied up."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    odd = any(part in ("", ".", "..") for part in key.split("/")) or "\\" in uri
    return bucket if scheme == "s3" and bucket and not odd else None


def _chosen(kind: SourceKind, items: tuple[Item, ...]) -> Source | None:
    """Of several references the redacted ones first, of those the latest; independent of the order they came in."""
    found: list[tuple[bool, int, str, str, Reference]] = []
    for item in items:
        given = None
        if item.kind == "call":
            given = item.event.get(kind)
        elif item.kind == kind and item.event.get("availability") == "ready":
            given = item.event.get("reference")
        if given is not None:
            reference = Reference.from_dict(given)
            found.append(
                (reference.redaction_state == "redacted", item.occurred_at, item.event_id, item.digest, reference)
            )
    if not found:
        return None
    best = max(found, key=lambda one: one[:4])
    return Source(kind, best[4], best[2])
