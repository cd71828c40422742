"""The only place that puts the requirement rows together, in the order of docs/requirements.md. Pure data."""

from __future__ import annotations

from tools.requirements import Row
from tools.requirements_packet import PACKET_ROWS
from tools.requirements_process import PROCESS_ROWS

GROUPS = (
    "Packet fields",
    "Selection reasons",
    "Manifest sample",
    "Manifest questions",
    "Rules",
    "Source systems",
    "Steps",
    "Export levels",
    "Quality gates",
    "What not to export",
    "Uses",
    "Hand-off checklist",
)

ROWS: tuple[Row, ...] = (*PACKET_ROWS, *PROCESS_ROWS)
