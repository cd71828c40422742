"""The only place for the knobs: every setting, its type, default and reason. Read from `STREAM_APP_*`."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stream_app.core.wire import WireError, read_json, write_json

StageName = Literal["intake", "identity", "join", "seal"]
STAGES: tuple[StageName, ...] = ("intake", "identity", "join", "seal")


class Settings(BaseSettings):
    """Settings of one process; the environment wins over `.env` files, which win over the defaults."""

    model_config = SettingsConfigDict(env_prefix="STREAM_APP_", extra="ignore", frozen=True)

    # Kafka
    kafka_bootstrap: str = "127.0.0.1:9092"
    """host:port of one or more brokers, comma-separated."""
    topic_prefix: str = ""
    """Put before every topic name and consumer group, so that several deployments share a cluster."""
    app_id: str = "stream-app"
    """First part of the consumer groups (`<app_id>-<stage>`) and of the changelog names."""
    internal_partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """One count for every internal and output topic; fixed for the life of a deployment."""
    input_partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Used only when we create input topics; existing ones keep theirs."""
    replication_factor: Annotated[int, Field(ge=1, le=9)] = 1
    """3 in production; 1 suits a single broker."""
    min_insync_replicas: Annotated[int, Field(ge=1, le=9)] = 1
    """2 in production."""
    session_timeout_s: Annotated[float, Field(ge=6, le=300)] = 10.0
    """How long a dead worker keeps its partitions; Faust's 60 s would delay every fail-over by a minute."""
    request_timeout_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How long a send may take before the stage gives up and ends itself; Faust's default is 20 minutes."""

    # Object storage
    s3_endpoint: str | None = None
    """None means AWS itself."""
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    packet_bucket: str = "review-packets"
    """Where artifacts and manifests go: a bucket, or a bucket and a prefix (`bucket/team-a`)."""
    source_buckets: Annotated[tuple[str, ...], NoDecode] = ("provider-drop",)
    """The only buckets that events may point into: a reference elsewhere is never fetched."""
    max_artifact_bytes: Annotated[int, Field(ge=1)] = 2 << 30
    """A larger source object is not fetched; the packet says so."""

    # Line
    policy_file: Path | None = None
    """Activated by `stream-app topics apply`; None means the policy that ships with the software."""
    state_dir: Path = Path(".dev/state")
    """RocksDB tables; local cache of the changelog, safe to lose."""
    state_memory_mb: Annotated[int, Field(ge=4)] = 32
    """Memory of one worker for its tables, in MB, whatever their number: what is not on disk yet, and cache."""
    clock_interval_ms: Annotated[int, Field(ge=50, le=10_000)] = 250
    """How often intake says how far it has read; bounds how late a deadline fires."""
    max_event_bytes: Annotated[int, Field(ge=1024)] = 1 << 20
    """A larger event is dead-lettered."""
    poison_run: Annotated[int, Field(ge=1)] = 100
    """So many refused records in a row pause an input partition."""
    poison_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """More than this share of the last 200 records refused pauses it too; 1 never does."""
    seal_concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Calls sealed at the same time by one worker: object storage is slow, the order per call is kept."""
    drain_s: Annotated[float, Field(ge=0, le=60)] = 4.0
    """How long a stopping stage may finish what it has begun."""

    # Health
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where a worker answers /livez and /readyz; 0: any free port, which it prints. A port that is taken is refused."""
    health_host: str = "127.0.0.1"
    """Loopback, or 0.0.0.0 in a container whose orchestrator asks from outside."""
    watchdog_s: Annotated[float, Field(ge=5, le=3600)] = 45.0
    """A stage that gave no sign of life for so long is killed and started again by its supervisor."""

    # Telemetry
    otlp_endpoint: str | None = None
    """OTLP/HTTP base URL for metrics and spans; None switches the export off."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Prometheus endpoint on loopback (each stage: the next free port from here on); None: off, 0: any."""
    metrics_host: str = "127.0.0.1"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("source_buckets", mode="before")
    @classmethod
    def _list_in_json(cls, value: Any) -> Any:
        """Decoded here, not by pydantic-settings, whose own error is no ValidationError and names no variable."""
        if not isinstance(value, str):
            return value
        try:
            return read_json(value.encode())
        except (WireError, UnicodeEncodeError):
            raise ValueError('a list in JSON, like ["provider-drop"]') from None

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return f"{self.topic_prefix}{name}"

    def group(self, stage: str) -> str:
        """The consumer group (and Faust app ID) of a stage."""
        return f"{self.topic_prefix}{self.app_id}-{stage}"

    def config_sha256(self) -> str:
        """Digest of what can change a packet's content: named in `producedBy`, so it leaves out hosts and secrets."""
        relevant = {
            "maxArtifactBytes": self.max_artifact_bytes,
            "maxEventBytes": self.max_event_bytes,
            "packetBucket": self.packet_bucket,
            "sourceBuckets": list(self.source_buckets),
        }
        return sha256(write_json(relevant)).hexdigest()
