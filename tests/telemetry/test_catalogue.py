"""The catalogue is complete, closed, in Prometheus' own form, and its page is fresh."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from stream_app import settings
from stream_app.core.events import EVENT_TYPES
from stream_app.core.evidence import KIND_ORDER, Kind
from stream_app.gateway.answers import OUTCOMES
from stream_app.gateway.server import UNKNOWN
from stream_app.gateway.signatures.registry import SCHEMES
from stream_app.pipeline import ports
from stream_app.telemetry import catalogue
from stream_app.telemetry.catalogue import METRICS, SPANS, Label, Metric, catalogue_markdown, metric_named, span_named

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_named_as_prometheus_asks(metric: Metric) -> None:
    assert re.fullmatch(r"stream_app_[a-z_]+", metric.name)
    assert (metric.instrument == "counter") == metric.name.endswith("_total")
    assert (metric.unit == "s") == metric.name.endswith("_seconds")
    assert (metric.instrument == "histogram") == bool(metric.buckets)
    assert metric.description.endswith(".")


def test_names_are_unique() -> None:
    assert len({metric.otel_name for metric in METRICS}) == len(METRICS)
    assert len({span.name for span in SPANS}) == len(SPANS)


def test_label_sets_are_those_of_the_models() -> None:
    assert get_args(catalogue.Stage) == (*settings.STAGES, *settings.FURTHER_STAGES, "gateway")
    assert get_args(Kind) == KIND_ORDER == catalogue.KIND.values
    assert set(catalogue.EVENT_TYPE.values) == {event.TYPE for event in EVENT_TYPES} | {"unknown"}
    partitions = settings.Settings.model_fields["internal_partitions"].metadata
    assert catalogue.MAX_PARTITIONS in [getattr(bound, "le", None) for bound in partitions]


def test_webhooks_are_counted_by_the_gateways_own_words() -> None:
    assert catalogue.WEBHOOK_OUTCOME.values == OUTCOMES
    assert catalogue.WEBHOOK_PROVIDER.values == (*(scheme.name for scheme in SCHEMES), UNKNOWN)


def test_every_way_a_store_fails_has_its_label() -> None:
    words = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one.__name__).lower() for one in ports.StoreError.__subclasses__()}
    assert words == {
        "object_missing", "object_denied", "object_too_large", "store_unavailable",
    }  # fmt: skip
    assert {word.split("_", 1)[1] for word in words} | {"other"} == set(catalogue.FAILURE.values)


@pytest.mark.parametrize("value", ["7", -1, 1024, True, 1.5, None, "+4930123456"])
def test_a_partition_is_a_small_number_and_nothing_else(value: object) -> None:
    assert not Label("partition").allows(value)
    assert Label("partition").allows(1023)


@pytest.mark.parametrize("text", ["", "01", "-1", "1024", "٣", "CA9f", "+4930123456"])
def test_a_scraped_partition_is_read_as_strictly(text: str) -> None:
    assert not Label("partition").allows_text(text)
    assert Label("partition").allows_text("0")


def test_unknown_names_are_errors() -> None:
    assert metric_named("stream_app_packets_total").labels == (catalogue.STATUS, catalogue.SELECTION)
    assert span_named("seal.packet").always
    with pytest.raises(KeyError):
        metric_named("stream_app_calls_by_customer_total")
    with pytest.raises(KeyError):
        span_named("seal.everything")


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == catalogue_markdown(), (
        "docs/metrics.md is stale; write it anew with\n"
        "  .venv/bin/python -c 'from stream_app.telemetry import catalogue_markdown as page; print(page(), end=\"\")' "
        "> docs/metrics.md"
    )
    for row in (*METRICS, *SPANS):
        assert f"| `{row.name}` |" in PAGE.read_text()
