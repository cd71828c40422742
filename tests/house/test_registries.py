"""What is registered stands in explicit tuples that one can read from top to bottom."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import rules

REGISTRIES: tuple[tuple[str, str], ...] = (
    ("stream_app/topics.py", "TOPICS"),
    ("stream_app/topics.py", "INTAKE_TOPICS"),
    ("stream_app/settings.py", "STAGES"),
    ("stream_app/core/events.py", "EVENT_TYPES"),
    ("stream_app/core/gates/__init__.py", "GATES"),
    ("stream_app/gateway/signatures/registry.py", "SCHEMES"),
    ("stream_app/telemetry/catalogue.py", "METRICS"),
    ("stream_app/telemetry/catalogue.py", "SPANS"),
    ("tools/requirements_map.py", "ROWS"),
    ("tools/requirements_packet.py", "PACKET_ROWS"),
    ("tools/requirements_process.py", "PROCESS_ROWS"),
)


@pytest.mark.parametrize(("path", "name"), REGISTRIES, ids=lambda value: value)
def test_registries_are_explicit_tuples(path: str, name: str) -> None:
    assert rules.loose_registries(rules.ROOT / path, [name]) == []


def test_a_registry_that_is_filled_elsewhere_is_found(tmp_path: Path) -> None:
    module = tmp_path / "registry.py"
    module.write_text("GATES = []\nTOPICS = tuple(found())\nSTAGES: tuple = (1, 2)\n", encoding="utf-8")
    assert rules.loose_registries(module, ["GATES", "TOPICS", "STAGES", "MISSING"]) == ["GATES", "TOPICS", "MISSING"]
