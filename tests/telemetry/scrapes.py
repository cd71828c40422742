"""The only place for reading a Prometheus scrape in tests, and for saying what in it should not be there."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from stream_app.telemetry.catalogue import METRICS

PERSONAL = {
    "phone number": re.compile(r"(?:\+|00)?\d[\d ().-]{5,}\d"),
    "UUID or hex ID": re.compile(r"[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-"),
    "provider's ID": re.compile(r"\b(?:CA|RM_|EG_|call_|conv_|room-)[A-Za-z0-9_-]{4,}"),
    "e-mail address": re.compile(r"\S@\S"),
    "text": re.compile(r"\s"),
    "URI": re.compile(r"://"),
}


def scrape(url: str) -> list[Sample]:
    """Every sample a Prometheus server would store from this endpoint."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        body = answer.read().decode()
    return [sample for family in text_string_to_metric_families(body) for sample in family.samples]


def leaks(samples: list[Sample]) -> Iterator[str]:
    """One line for each name outside the catalogue, label outside its closed set, and value that may be personal."""
    known = {name: metric for metric in METRICS for name in metric.series_names}
    for sample in samples:
        metric = known.get(sample.name)
        if metric is None:
            yield f"{sample.name} is not in the catalogue"
            continue
        allowed = {label.name: label for label in metric.labels}
        for name, value in sample.labels.items():
            if name == "le" and metric.instrument == "histogram":
                continue
            if name not in allowed or not allowed[name].allows_text(value):
                yield f"{sample.name}: {name}={value!r} is outside the closed set"
            for what, pattern in PERSONAL.items():
                if pattern.search(value):
                    yield f"{sample.name}: {name}={value!r} looks like a {what}"
