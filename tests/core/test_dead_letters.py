"""A dead letter holds the original record whole, whatever bytes it was."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.dead_letters import DeadLetter
from stream_app.core.evidence import Position

WHERE = Position(topic="call-ended", partition=3, offset=9)


@given(key=st.none() | st.binary(max_size=20), value=st.none() | st.binary(max_size=200), header=st.binary(max_size=20))
def test_nothing_is_lost(key: bytes | None, value: bytes | None, header: bytes) -> None:
    letter = DeadLetter.of(
        reason="not_json", detail="d" * 900, stage="intake", position=WHERE, received_at=5, key=key, value=value,
        headers=(("h", header), ("h", b"")),
    )  # fmt: skip
    document = json.loads(letter.to_bytes())
    assert (None if document["body"] is None else b64decode(document["body"])) == value
    assert (None if document["key"] is None else b64decode(document["key"])) == key
    assert [(name, b64decode(content)) for name, content in document["headers"]] == [("h", header), ("h", b"")]
    assert document["bodySha256"] == (None if value is None else sha256(value).hexdigest())
    assert document["bodySizeBytes"] == len(value or b"")
    assert len(document["detail"]) == 500
    assert DeadLetter.from_dict(document) == letter
