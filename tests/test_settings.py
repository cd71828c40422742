"""The knobs: read from the environment, refused by name, and digested only where they change a packet."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stream_app.settings import STAGES, Settings


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_KAFKA_BOOTSTRAP", "kafka-1:9092")
    monkeypatch.setenv("STREAM_APP_SOURCE_BUCKETS", '["drop-a", "drop-b"]')
    monkeypatch.setenv("STREAM_APP_S3_SECRET_KEY", "very-secret")
    settings = Settings()
    assert settings.kafka_bootstrap == "kafka-1:9092"
    assert settings.source_buckets == ("drop-a", "drop-b")
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INTERNAL_PARTITIONS", "0"),
        ("SESSION_TIMEOUT_S", "1"),
        ("CLOCK_INTERVAL_MS", "x"),
        ("METRICS_PORT", "70000"),
        ("SOURCE_BUCKETS", "drop"),
        ("SOURCE_BUCKETS", '"drop"'),
        ("SOURCE_BUCKETS", "[1]"),
        ("SOURCE_BUCKETS", ""),
        ("GATEWAY_LINK_HOSTS", "example.org"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"STREAM_APP_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"][0] == name.lower()


def test_a_list_that_is_none_says_how_one_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_SOURCE_BUCKETS", "drop-a,drop-b")
    with pytest.raises(ValidationError, match=r'a list in JSON, like \["provider-drop"\]'):
        Settings()


def test_names_carry_the_prefix() -> None:
    settings = Settings(topic_prefix="team-a.", app_id="line")
    assert settings.topic("packets") == "team-a.packets"
    assert [settings.group(stage) for stage in STAGES] == [f"team-a.line-{stage}" for stage in STAGES]


def test_the_digest_changes_with_what_changes_a_packet_and_with_nothing_else() -> None:
    base = Settings().config_sha256()
    assert Settings(kafka_bootstrap="other:1", s3_secret_key="x", log_level="DEBUG").config_sha256() == base
    for change in (
        {"packet_bucket": "b"},
        {"source_buckets": ("b",)},
        {"max_artifact_bytes": 5},
        {"max_event_bytes": 5000},
    ):
        assert Settings(**change).config_sha256() != base
