"""What a file's name says: whose it is, what it is, and whether its producer calls it redacted."""

from __future__ import annotations

import pytest

from stream_app.providers.connect_files import file_named
from tests.providers.trying import Trying

CONNECT = Trying("connect")
CONTACT = "0c0c0c0c-1111-4222-8333-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("name", "kind", "state"),
    [
        ("object-redacted-transcript", "transcript", "redacted"),
        ("object-redacted-audio", "recording", "redacted"),
        ("object-raw-transcript", "transcript", "unredacted"),
        ("object-raw-audio", "recording", "unredacted"),
        ("object-of-eventbridge", "transcript", "redacted"),
        ("object-redacted-name-elsewhere", "transcript", "unknown"),
    ],
)
def test_an_object_is_what_its_name_and_its_place_say(name: str, kind: str, state: str) -> None:
    ready = CONNECT.only(CONNECT.own(name))
    assert (ready.artifact, ready.reference.redaction_state) == (kind, state)
    assert ready.aliases == {"connectContactId": CONTACT}
    assert "%3A" not in ready.reference.uri


def test_an_object_written_anew_is_another_report() -> None:
    document = CONNECT.own("object-redacted-transcript")
    once = CONNECT.only(document)
    document["Records"][0]["s3"]["object"]["eTag"] = "e8"
    assert CONNECT.only(document).event_id != once.event_id
    assert CONNECT.only(CONNECT.own("object-redacted-transcript")) == once


def test_names_of_other_files_are_nobodys() -> None:
    assert file_named("reports/today.csv") is None
    file = file_named(f"{CONTACT}_analysis_redacted_2026-09-20T10_06_30Z.json")
    assert file is not None
    assert (file.contact, file.redaction_state) == (CONTACT, "redacted"), "a download has a name and no place"
    assert file.at_ms == 1_789_898_790_000
