"""The only place that reads what Contact Lens says of a conversation: its analysis files, and that it made none.

The contact's ID is not in an analysis: it comes in the file's name, beside the content (`{"key": …, "body": …}`) or in
the address it was sent to. A transcript counts as redacted where both say so: the file (`Output`) and its name.
"""

from __future__ import annotations

from stream_app.core.wire import Json
from stream_app.providers import artifacts, times
from stream_app.providers.adapter import Delivery, Normalised, Refused, staged_transcript
from stream_app.providers.connect_files import File, file_named
from stream_app.providers.connect_names import contact_in, names_of
from stream_app.providers.reading import first, fold, integer, items, mapping, take, text
from stream_app.providers.turns import Turn, document_of


def is_analysis(document: Json) -> bool:
    """Whether this is a file of Contact Lens."""
    document = mapping(document)
    lens = first(document, "ContentMetadata", "ConversationCharacteristics", "JobStatus")
    return lens is not None and first(document, "Transcript", "Participants", "JobStatus") is not None


def analysis(delivery: Delivery) -> Normalised:
    """An analysis with the words that were said."""
    whole = mapping(delivery.document)
    document = whole if is_analysis(whole) else mapping(first(whole, "body", "content", "document"))
    beside = whole if document is not whole else {}
    if fold(text(document, "Channel") or "") == "chat":
        raise Refused("nothing_to_report", "an analysis of a chat")
    key = text(first(beside, "key", "objectKey", "name"), limit=1024) or text(
        first(dict(delivery.query), "key", "file"), limit=1024
    )
    file = None if key is None else file_named(key)
    contact = (
        contact_in(first(beside, "contactId"))
        or contact_in(first(document, "ContactId"))
        or contact_in(first(dict(delivery.query), "contactId"))
        or (None if file is None else file.contact)
    )
    names = names_of(delivery, beside, contact, chained=False)
    if contact is None and names["canonical_call_id"] is None and names["trace_id"] is None:
        raise Refused("identity_missing", "an analysis does not name its contact: give its file's name, or contactId")
    status = fold(text(document, "JobStatus") or "completed")
    call = contact or names["canonical_call_id"]
    if status == "failed":
        reason = "Contact Lens could not analyse the contact"
        never = artifacts.never(delivery, "transcript", reason, id=f"{call}:analysis-failed", at_ms=None, **names)
        return Normalised((never,))
    if status != "completed":
        raise Refused("nothing_to_report", "the analysis goes on")
    turns = _turns(document)
    if not turns:
        raise Refused("nothing_to_report", "an analysis without a transcript")
    redacted = _is_redacted(document, file)
    reference, blob = staged_transcript(document_of(turns), redacted=redacted)
    id = f"{call}:analysis:{'redacted' if redacted else 'original'}:{(reference.sha256 or '')[:16]}"
    at = None if file is None else file.at_ms  # In its name: the content has no time.
    ready = artifacts.ready(delivery, "transcript", reference, id=id, at_ms=at, **names)
    return Normalised((ready,), (blob,))


def state_change(delivery: Delivery) -> Normalised:
    """ "Contact Lens Analysis State Change": it says so where there will be no analysis, and why."""
    document = delivery.document
    detail = mapping(take(document, "detail"))
    contact = contact_in(first(detail, "contact", "contactArn", "contactId"))
    if contact is None:
        raise Refused("identity_missing", "no contact")
    if fold(text(detail, "channel") or "voice") != "voice":
        raise Refused("nothing_to_report", "a contact that is no voice call")
    state = fold(text(detail, "state") or "")
    if state != "failed":
        raise Refused("nothing_to_report", "the analysis did not fail")
    code = text(detail, "reasonCode", limit=128)
    reason = "Contact Lens could not analyse the contact" + (f": {code}" if code else "")
    names = names_of(delivery, detail, contact, chained=False)
    at = times.iso(take(document, "time"))
    id = f"{contact}:analysis-failed:{code}"
    return Normalised((artifacts.never(delivery, "transcript", reason, id=id, at_ms=at, **names),))


def _is_redacted(document: Json, file: File | None) -> bool:
    output = fold(text(document, "ContentMetadata", "Output") or "")
    return output == "redacted" and file is not None and file.redaction_state == "redacted"


def _turns(document: Json) -> list[Turn]:
    roles = {text(one, "ParticipantId"): text(one, "ParticipantRole") for one in items(take(document, "Participants"))}
    found = []
    for one in items(take(document, "Transcript")):
        inner = mapping(one)
        turn = mapping(take(inner, "Transcript")) or inner  # Newer segments are wrapped by their kind.
        words = text(turn, "Content", limit=1 << 20)
        who = text(turn, "ParticipantId")
        speaker = roles.get(who) or text(turn, "ParticipantRole") or who
        if words is not None and speaker is not None:
            found.append(Turn(speaker.lower(), words, integer(turn, "BeginOffsetMillis")))
    return found
