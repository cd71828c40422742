"""A short run of the canaries through a real line, and what the scan says where a line leaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.dev.state import Endpoints
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Incoming
from tests.canaries.planting import plant
from tests.canaries.run import run
from tests.canaries.scan import found, keep
from tests.canaries.values import personal, secrets


def test_no_canary_leaves_or_is_kept_in_the_open(stack: Endpoints, tmp_path: Path) -> None:
    result = run(stack, tmp_path, values=64, seed=11)
    assert result.found == {}
    assert result.unseen == []
    assert {"complete", "blocked"} <= result.packets.keys()
    assert result.letters >= 10
    assert {"http", "logs", "metrics", "spans", "rocksdb rows", "topic dead-letters", "topic packets"} <= set(
        result.surfaces
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_line_without_keys_is_found_out(stack: Endpoints, tmp_path: Path) -> None:
    assert set(run(stack, tmp_path, values=64, seed=11, leaking=True).found) == {"topic dead-letters"}


def test_an_intake_without_keys_is_found_out(tmp_path: Path) -> None:
    """The same scan, over what a leaking intake sends: every value of a refused record."""
    values, hidden = personal(40, 3), secrets(3)
    planted = plant(values, hidden, 3)
    intake = Intake(1 << 20)
    for offset, record in enumerate(planted.records):
        if record.topic == "provider-records":
            continue
        for sent in intake.handle(Incoming(record.topic, 0, offset, 0, record.key, record.value, record.headers)).sends:
            keep(tmp_path / "surfaces", sent.topic, "records", sent.key or b"", sent.value or b"")
        keep(tmp_path / "surfaces", "inputs", "records", record.value or b"")
    seen = found([*values, *hidden], tmp_path / "surfaces")
    assert len(seen["inputs"]) == len(values) + len(hidden)
    assert seen["dead-letters"]
    assert not {"evidence", "identity"} & seen.keys()
