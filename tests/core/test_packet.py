"""The packet's public shape: the contract's example is one, to the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.packet import Packet
from tests.examples import CONTRACT


def example() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CONTRACT / "packet.json").read_text())
    document["policy"]["sha256"] = "0" * 64  # Elided in the example.
    return document


def test_the_contracts_packet_is_one_of_ours() -> None:
    document = example()
    made = Packet.from_dict(document).to_dict()
    assert set(made) == set(document)
    assert {name: made[name] for name in made if name not in ("findings",)} == {
        name: document[name] for name in document if name not in ("findings",)
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "fine"),
        ("completedBy", "luck"),
        ("selectionReason", "other"),
        ("reviewStatus", "done"),
        ("gates", [{}]),
    ],
)
def test_words_outside_the_vocabulary_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Packet.from_dict({**example(), field: value})


def test_no_field_may_be_left_out_silently() -> None:
    for name in set(example()) - {"schemaVersion"}:
        with pytest.raises(ValidationError):
            Packet.from_dict({key: value for key, value in example().items() if key != name})
