"""The only place that knows which of Amazon Connect's documents this is, and how they come wrapped.

Sources: Connect's administrator guide (contact events, contact records, evaluation output, Contact Lens files and error
notifications) and S3's notifications. Connect signs nothing: what stands before it (bus policy, IAM) does. Keys come in
camelCase, PascalCase and both in one object. A document may lie in an envelope of EventBridge, SNS, SQS or Kinesis;
what lies in several records is several documents, and one that cannot be used does not take the others with it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator

from stream_app.core.events import Event
from stream_app.core.wire import Json, WireError, read_json
from stream_app.providers import connect_contacts, connect_evaluations, connect_files, connect_lens, times
from stream_app.providers.adapter import Blob, Delivery, Normalised, Refused
from stream_app.providers.reading import first, fold, items, mapping, parsed, take, text

MAX_DEPTH = 4
"""Envelopes in envelopes: EventBridge by SNS by SQS is three."""
MAX_DOCUMENTS = 10_000
_OBJECT_CREATED = "Object Created"

_EVENTS: tuple[tuple[str, Callable[[Delivery], Normalised]], ...] = (
    ("contact event", connect_contacts.contact_event),
    ("contact lens analysis state change", connect_lens.state_change),
    ("rules matched", connect_evaluations.rule_matched),
    ("rule for contact lens", connect_evaluations.rule_matched),
    ("evaluation submission failed", connect_evaluations.failed),
    ("evaluation export failed", connect_evaluations.failed),
)
"""What an EventBridge `detail-type` of `aws.connect` holds (Connect was renamed; the end of the name was not)."""


def normalize(delivery: Delivery) -> Normalised:
    """Which of Connect's documents is it, or which are they?"""
    documents = list(_unwrapped(delivery.document, 0))[:MAX_DOCUMENTS]
    if not documents:
        raise Refused("nothing_to_report", "an envelope without a record")
    found: list[Event] = []
    blobs: list[Blob] = []
    refused: list[Refused] = []
    for document in documents:
        try:
            made = _one(Delivery(document, delivery.source, delivery.received_ms, delivery.query))
        except Refused as refusal:
            refused.append(refusal)
        else:
            found += made.events
            blobs += made.blobs
    if not found:
        raise next((one for one in refused if one.reason != "nothing_to_report"), refused[0])
    return Normalised(tuple(found), tuple(blobs))


def _unwrapped(document: Json, depth: int) -> Iterator[Json]:
    """The documents inside of what carried them."""
    document = parsed(document)
    if depth < MAX_DEPTH and isinstance(document, list):
        for one in document:
            yield from _unwrapped(one, depth + 1)
        return
    inside = [_carried(record) for record in items(take(document, "Records"))] if depth < MAX_DEPTH else []
    inside = [one for one in inside if one is not None]
    if inside:
        for one in inside:
            yield from _unwrapped(one, depth + 1)
    elif depth < MAX_DEPTH and text(document, "Type") == "Notification" and take(document, "Message") is not None:
        yield from _unwrapped(take(document, "Message"), depth + 1)
    else:
        yield document


def _carried(record: Json) -> Json:
    """What a record of SQS, SNS, Kinesis or S3 carries."""
    if take(record, "s3") is not None:
        # A document itself: it is named as EventBridge would name it.
        return {"detail-type": _OBJECT_CREATED, "notification": record}
    if (message := take(record, "Sns", "Message")) is not None:
        return parsed(message)
    if (data := take(record, "kinesis", "data")) is not None:
        return _decoded(data)
    body = take(record, "body")
    return None if body is None else parsed(body)


def _decoded(data: Json) -> Json:
    try:
        return read_json(b64decode(data, validate=True)) if isinstance(data, str) else data
    except (WireError, binascii.Error, ValueError):
        raise Refused("not_readable", "a Kinesis record that holds no JSON") from None


def _one(delivery: Delivery) -> Normalised:
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    kind = text(document, "detail-type")
    if kind is not None:
        if kind.lower() == _OBJECT_CREATED.lower():
            if (notification := take(document, "notification")) is not None:
                return connect_files.notified(delivery, notification)
            return connect_files.object_created(delivery, take(document, "detail"), times.iso(take(document, "time")))
        for name, read in _EVENTS:
            if name in kind.lower():
                return read(delivery)
        raise Refused("unknown_shape", "a detail-type that is none of Connect's")
    if take(document, "eventType") is not None and take(document, "contactId") is not None:
        # The detail alone, as a rule with an input path passes it on.
        return connect_contacts.contact_event(
            Delivery({"detail": document}, delivery.source, delivery.received_ms, delivery.query)
        )
    if take(document, "AWSContactTraceRecordFormatVersion") is not None or _is_record(document):
        return connect_contacts.contact_record(delivery)
    if take(document, "evaluationId") is not None and take(document, "metadata") is not None:
        return connect_evaluations.evaluation(delivery)
    if connect_lens.is_analysis(document) or connect_lens.is_analysis(first(document, "body", "content", "document")):
        return connect_lens.analysis(delivery)
    if take(document, "bucket") is not None and take(document, "object") is not None:
        return connect_files.object_created(delivery, document, times.iso(take(document, "time")))
    if fold(text(document, "source") or "") == "aws.connect" and mapping(take(document, "detail")):
        return connect_contacts.contact_event(delivery)
    raise Refused("unknown_shape", "no contact event, contact record, evaluation, Contact Lens file or S3 notification")


def _is_record(document: Json) -> bool:
    """A contact record whose version was left out on its way through a pipeline."""
    dated = first(document, "DisconnectTimestamp", "LastUpdateTimestamp")
    return take(document, "ContactId") is not None and dated is not None
