"""Contact Lens: a transcript is redacted only where the file and its name say so; a failed analysis never comes."""

from __future__ import annotations

import json
from typing import Any

from stream_app.core.transcripts import examine
from tests.providers.samples import public
from tests.providers.trying import Trying

CONNECT = Trying("connect")
CONTACT = "0c0c0c0c-1111-4222-8333-aaaaaaaaaaaa"


def transcript(name: str) -> tuple[Any, Any]:
    made = CONNECT.made(CONNECT.own(name))
    ((ready,), (blob,)) = made.events, made.blobs
    return ready, json.loads(blob.content)


def test_only_what_file_and_name_call_redacted_is_redacted() -> None:
    ready, document = transcript("lens-redacted-with-key")
    assert ready.reference.redaction_state == "redacted"
    assert document["turns"][1] == {"speaker": "customer", "text": "My name is [PII].", "startMs": 1000}
    assert examine(json.dumps(document).encode()).problems == ()
    assert ready.occurred_at == 1_789_898_790_000, "from the file's name"
    for name in ("lens-original-with-key", "lens-original-in-redacted-name"):
        assert transcript(name)[0].reference.redaction_state == "unredacted"
    nameless = CONNECT.own("lens-redacted-with-key")
    alone = CONNECT.made({"contactId": CONTACT, "body": nameless["body"]})
    assert alone.events[0].reference.redaction_state == "unredacted", "its name says nothing"


def test_a_file_is_named_by_the_address_it_was_sent_to() -> None:
    document = CONNECT.own("lens-without-contact")
    (ready,) = CONNECT.events(document, file=f"{CONTACT}_analysis_2026-09-20T10:06:30Z.json")
    assert ready.aliases == {"connectContactId": CONTACT}
    (by_id,) = CONNECT.events(document, contactId=CONTACT)
    assert by_id.aliases == ready.aliases


def test_an_analysis_that_failed_never_comes_and_says_why() -> None:
    never = CONNECT.only(CONNECT.own("analysis-failed"))
    assert (never.availability, never.reason) == (
        "never", "Contact Lens could not analyse the contact: RECORDING_FILE_CANNOT_BE_READ",
    )  # fmt: skip
    assert CONNECT.only(CONNECT.own("lens-failed")).availability == "never"


def test_the_public_sample_is_raw() -> None:
    made = CONNECT.made(public("connect/03-contact-lens-original.json"), contactId=CONTACT)
    assert made.events[0].reference.redaction_state == "unredacted"
    assert "Peter" not in json.dumps(made.events[0].to_dict())
    assert b"Peter" in made.blobs[0].content
