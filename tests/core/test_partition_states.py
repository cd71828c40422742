"""The records that pause a partition, as they are written and read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stream_app.core.partition_states import PartitionState
from stream_app.core.wire import read_json


def test_a_state_is_read_as_it_was_written() -> None:
    state = PartitionState(
        source="tool-call/2", state="paused", at=1_780_000_000_000, by="limit", reason="garbage", offset=17
    )
    document = read_json(state.to_bytes())
    assert document["schemaVersion"] == 1
    assert document["at"] == "2026-05-28T20:26:40.000Z"
    assert PartitionState.from_dict(document) == state


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValidationError):
        PartitionState.from_dict(
            {"source": "tool-call/2", "state": "asleep", "at": "2026-05-28T20:26:40.000Z", "by": "limit", "reason": "x"}
        )
