"""Contacts and their chains: IDs by themselves and in ARNs, and a call ID that users attached."""

from __future__ import annotations

import pytest

from stream_app.providers.adapter import Delivery
from stream_app.providers.connect_names import contact_in, names_of

CONTACT = "0c0c0c0c-1111-4222-8333-aaaaaaaaaaaa"
ARN = f"arn:aws:connect:eu-west-2:000000000000:instance/12121212-3434/contact/{CONTACT}"


@pytest.mark.parametrize(
    ("value", "found"), [(CONTACT, CONTACT), (ARN, CONTACT), ("", None), (None, None), ("a b", None)]
)
def test_a_contact_is_known_by_its_id_and_by_its_arn(value: object, found: str | None) -> None:
    assert contact_in(value) == found


def test_a_contact_alone_is_the_first_only_where_its_document_would_say_otherwise() -> None:
    delivery = Delivery({}, "connect", 1)
    assert names_of(delivery, {}, CONTACT, chained=False)["aliases"] == {"connectContactId": CONTACT}
    assert names_of(delivery, {}, CONTACT, chained=True)["aliases"]["connectInitialContactId"] == CONTACT
    related = {"relatedContactId": "0c0c0c0c-9999"}
    assert "0c0c0c0c-9999" not in str(names_of(delivery, related, CONTACT, chained=True))


def test_our_names_ride_in_attributes_tags_and_the_address() -> None:
    by_query = Delivery({}, "connect", 1, {"canonicalCallId": "call-1"})
    assert names_of(by_query, {}, None, chained=False)["canonical_call_id"] == "call-1"
    tagged = names_of(by_query, {"Tags": {"call-evidence-id": "call-2"}}, None, chained=False)
    assert tagged["canonical_call_id"] == "call-2"
