"""Signing: the very signature that the client library makes, for any key, header, body and kind of credentials."""

from __future__ import annotations

import time
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from stream_app.sinks.sigv4 import Keys, Signer, encoded_key

AT_S = 1_780_512_000.25
WORD = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
KEY = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=30)


def by_the_library(method: str, path: str, headers: dict[str, str], body: bytes, keys: Keys) -> dict[str, str]:
    """What botocore would send."""
    request = AWSRequest(method=method, url=f"http://store:8333{path}", headers=headers, data=body)
    with patch("botocore.auth.get_current_datetime") as now:
        now.return_value.strftime.side_effect = lambda form: time.strftime(form, time.gmtime(AT_S))
        S3SigV4Auth(ReadOnlyCredentials(*keys), "s3", "eu-west-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    method=st.sampled_from(["GET", "PUT"]),
    key=KEY,
    media_type=WORD,
    body=st.binary(max_size=50),
    keys=st.builds(Keys, WORD, WORD, st.none() | WORD),
)
def test_signs_as_the_client_library_does(method: str, key: str, media_type: str, body: bytes, keys: Keys) -> None:
    headers = {"content-type": media_type, "if-none-match": "*", "x-amz-checksum-crc32": "AAAAAA=="}
    path = f"/bucket/{encoded_key(key)}"
    ours = Signer("eu-west-1").sign(method, "store:8333", path, headers, body, keys, AT_S)
    assert ours == by_the_library(method, path, headers, body, keys)


def test_the_key_of_a_day_is_derived_anew_for_another_day_and_for_other_credentials() -> None:
    signer, old, new = Signer("eu-west-1"), Keys("id", "old"), Keys("id", "new")
    for keys, at_s in ((old, AT_S), (old, AT_S + 86_400), (new, AT_S + 86_400), (old, AT_S)):
        again = signer.sign("GET", "store", "/b/k", {}, b"", keys, at_s)
        assert again == Signer("eu-west-1").sign("GET", "store", "/b/k", {}, b"", keys, at_s)


def test_a_key_is_encoded_for_the_path_and_its_slashes_stay() -> None:
    assert encoded_key("calls/a b/ü+~%.json") == "calls/a%20b/%C3%BC%2B~%25.json"
