"""The only place that reads a retention class: for how many days what bears it must stay."""

from __future__ import annotations

import re

_DAYS = re.compile(r"_([1-9]\d{0,4})d")


def days_of(retention_class: str) -> int | None:
    """`qa_180d` -> 180; None for a class that names no days: how long it stays is then not for the store to see to."""
    found = _DAYS.search(retention_class[retention_class.rfind("_") :]) if "_" in retention_class else None
    return int(found[1]) if found is not None and retention_class.endswith(found[0]) else None
