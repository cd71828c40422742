"""The only place for the knobs: every setting, its type, default and reason. Read from `STREAM_APP_*`."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stream_app.core.access import within
from stream_app.core.wire import WireError, read_json, write_json

StageName = Literal["intake", "identity", "join", "seal", "ledger", "review"]
_EXAMPLES = {
    "source_buckets": "provider-drop",
    "gateway_link_hosts": "example.org",
    "source_hosts": "example.org",
    "organisations": "Example Ltd",
    "provider_topics": "otlp_spans=otel",
    "peers": "http://worker-2:8471",
}
STAGES: tuple[StageName, ...] = ("intake", "identity", "join", "seal", "ledger")
"""What a worker runs by itself."""
FURTHER_STAGES: tuple[StageName, ...] = ("review",)
"""What it runs where it is asked to."""


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
    raw_bucket: str = "raw-restricted"
    """Where packets whose policy row says `raw_restricted` have the transcript as it came: a bucket or a bucket and a
    prefix of its own, never within the packet bucket, which more people may read."""
    object_lock: Literal["off", "governance", "compliance"] = "governance"
    """Where the packet bucket has Object Lock, what is sealed is locked for the days that its retention class names
    (`qa_180d`); in compliance mode nobody can take that back."""
    source_buckets: Annotated[tuple[str, ...], NoDecode] = ("provider-drop",)
    """The only buckets that events may point into: a reference elsewhere is never fetched."""
    source_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, each with all its subdomains, whose https:// artifacts are read when calls are sealed; none by default."""
    source_link_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long one artifact may take over https://."""
    file_sources: Path | None = None
    """Development only: file:// artifacts below this directory are read."""
    trace_url: str | None = None
    """Where traces are opened that no `trace-completed` told of: Jaeger's or Tempo's query API, its address up to and
    without `/api/traces`. None: they are not."""
    trace_token: SecretStr | None = None
    """Sent to it as `Authorization: Bearer`, where it asks for one."""
    trace_within_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long it may take to answer; a call that requires its trace waits beside the line and asks again."""
    staging_bucket: str = "staging"
    """Where content lies that came inline or by a link that expires, encrypted, below `staging/`. To be read when calls
    are sealed it must be among the source buckets. Its lifetime is a rule of the bucket's own: as long as retention."""
    staging_key: SecretStr | None = None
    """Encrypts what is staged: 32 bytes in base64. Several, one a line: the first encrypts, all decrypt."""
    staging_key_file: Path | None = None
    """A file that holds it, in place of the variable."""
    key_bucket: str = "call-keys"
    """Where the keys of private values lie, wrapped by the master key: a bucket, or one with a prefix, that keeps no
    versions. What is removed from it is erased everywhere."""
    master_key: SecretStr | None = None
    """Wraps those keys: 32 bytes in base64 (`stream-app keys master`); several, one a line: the first wraps, all
    unwrap. Without one private values end at intake, and dead letters hold their originals as they came."""
    master_key_file: Path | None = None
    """A file that holds it, in place of the variable."""
    redaction: Literal["off", "rules", "rules_and_model"] = "rules_and_model"
    """How transcripts are made safe to show. off: only what is stated to be redacted is used, as it came. Otherwise one
    that is not is masked here, and each is searched for what it still holds; `rules` alone miss some names."""
    redaction_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes beside the seal stage that redact; each takes about 190 MB with the model."""
    redaction_timeout_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """A transcript that takes longer is named as missing; the first one waits for the model to load."""
    organisations: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of companies and products, never masked as a person's."""
    signing: Literal["required", "off"] = "required"
    """Off only by saying so: then nothing that is sealed can be told from what somebody else put there."""
    signing_key: SecretStr | None = None
    """What manifests and the ledger are signed with: an Ed25519 private key in PEM (`stream-app keys generate`)."""
    signing_key_file: Path | None = None
    """A file that holds it, in place of the variable."""
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
    provider_topics: Annotated[tuple[str, ...], NoDecode] = ("provider-records",)
    """Topics of providers' own payloads, OTLP among them, without the prefix: `topic`, whose records say in their
    header `provider` whose they are, or `topic=provider`."""
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
    """Loopback, or 0.0.0.0 in a container whose orchestrator asks from outside. Anywhere but on loopback, questions
    about calls (`/v1`) are answered only where a token is set."""
    api_token: SecretStr | None = None
    """Whoever asks about calls must bring it (`Authorization: Bearer`). The same for all workers: by it they answer
    each other."""
    api_token_file: Path | None = None
    """A file that holds it, in place of the variable."""
    peers: Annotated[tuple[str, ...], NoDecode] = ()
    """Base URLs of the other workers, who are asked about what this one's partitions do not hold. Workers that share a
    state directory find each other."""
    watchdog_s: Annotated[float, Field(ge=5, le=3600)] = 45.0
    """A stage that gave no sign of life for so long is killed and started again by its supervisor."""

    # Webhooks
    gateway_host: str = "127.0.0.1"
    """Where the gateway listens: loopback behind a proxy that ends TLS, or 0.0.0.0 in a container."""
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8480
    """0: any free port, which it prints."""
    gateway_public_url: str | None = None
    """What providers were told as its address, up to `/webhooks` (`https://hooks.example.org`): Twilio signs it. None:
    the request's own Host, with https only where `gateway_trust_forwarded_proto` lets a proxy say so."""
    gateway_trust_forwarded_proto: bool = False
    """Take X-Forwarded-Proto for the scheme of the address; only behind a proxy that sets it."""
    gateway_max_body_bytes: Annotated[int, Field(ge=1024, le=256 << 20)] = 8 << 20
    """A larger webhook is refused with 413. ElevenLabs' audio comes inline: an hour of it is about 80 MB."""
    gateway_in_flight: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Webhooks worked on at a time; one more is told to come again later (429)."""
    gateway_confirm_s: Annotated[float, Field(gt=0, le=60)] = 8.0
    """How long staging and the broker's confirmation may take before 503: less than providers wait (Retell 10 s)."""
    gateway_stage: bool = True
    """Keep content that came inline. False: the event says that it will never come, and why."""
    gateway_link_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts that links may be fetched from, each with all its subdomains. None by default: a link in a payload is an
    order from a stranger, and one that is not fetched is kept bare."""
    gateway_link_max_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = 32 << 20
    """A larger file behind a link is not fetched."""
    gateway_link_s: Annotated[float, Field(gt=0, le=60)] = 4.0
    """How long a fetch may take; the provider waits for it, so less than `gateway_confirm_s`."""
    name_key: SecretStr | None = None
    """Keys the digests that stand for names with a phone number in them. The same everywhere, or one call gets two
    names; without it whoever knows the number can make the digest."""
    webhook_secrets_dir: Path | None = None
    """Files `<provider>` or `<provider>.<anything>` with one live secret a line, read again when they change."""
    webhook_secrets_twilio: SecretStr | None = None
    """Live secrets without a file: one as text, or several as JSON; Twilio's are auth tokens and SharedKeys."""
    webhook_secrets_livekit: SecretStr | None = None
    """`<API key>:<secret>`, or several as JSON."""
    webhook_secrets_vapi: SecretStr | None = None
    """One as text, or with its authentication plan as JSON."""
    webhook_secrets_retell: SecretStr | None = None
    """One as text, or several as JSON; Retell's are API keys."""
    webhook_secrets_elevenlabs: SecretStr | None = None
    """One as text, or several as JSON."""

    # Telemetry
    otlp_endpoint: str | None = None
    """OTLP/HTTP base URL for metrics and spans; None switches the export off."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Prometheus endpoint on loopback (each stage: the next free port from here on); None: off, 0: any."""
    metrics_host: str = "127.0.0.1"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator(
        "source_buckets",
        "source_hosts",
        "gateway_link_hosts",
        "organisations",
        "provider_topics",
        "peers",
        mode="before",
    )
    @classmethod
    def _list_in_json(cls, value: Any, info: ValidationInfo) -> Any:
        """Decoded here, not by pydantic-settings, whose own error is no ValidationError and names no variable."""
        if not isinstance(value, str):
            return value
        try:
            return read_json(value.encode())
        except (WireError, UnicodeEncodeError):
            raise ValueError(f'a list in JSON, like ["{_EXAMPLES[info.field_name or ""]}"]') from None

    @field_validator("signing_key_file", "master_key_file", "staging_key_file", "api_token_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        """A deployment file can pass a variable on that is not set only as an empty one."""
        return None if value == "" else value

    @model_validator(mode="after")
    def _raw_apart(self) -> Settings:
        if within(self.raw_bucket, self.packet_bucket) or within(self.packet_bucket, self.raw_bucket):
            raise ValueError(f"raw_bucket: {self.raw_bucket} and {self.packet_bucket} must lie apart")
        return self

    @field_validator("provider_topics")
    @classmethod
    def _topics_apart(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [one.partition("=")[0] for one in value]
        if len(set(names)) < len(names) or not all(re.fullmatch(r"[A-Za-z0-9._-]{1,200}", name) for name in names):
            raise ValueError("each entry is a topic's name, or `topic=provider`, and no topic is named twice")
        return value

    def read_api_token(self) -> str | None:
        """The token of `/v1`, from its file or variable; None where none is set. Raises OSError, ValueError."""
        if self.api_token_file is not None:
            token = self.api_token_file.read_text().strip()
        elif self.api_token is not None:
            token = self.api_token.get_secret_value().strip()
        else:
            return None
        if len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("STREAM_APP_API_TOKEN: a token has at least 16 printable ASCII characters, and no blank")
        return token

    def providers_by_topic(self) -> dict[str, str | None]:
        """Topic of payloads (without prefix) -> whose they are; None where each record says so."""
        pairs = (one.partition("=") for one in self.provider_topics)
        return {topic: provider or None for topic, _, provider in pairs}

    @property
    def allowed_sources(self) -> tuple[str, ...]:
        """All that events may point into, as `core.sources` reads it: buckets, https:// hosts, a file:// directory."""
        hosts = tuple(f"https://{host}" for host in self.source_hosts)
        files = () if self.file_sources is None else (self.file_sources.resolve().as_uri(),)
        return (*self.source_buckets, *hosts, *files)

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
            "organisations": list(self.organisations),
            "packetBucket": self.packet_bucket,
            "rawBucket": self.raw_bucket,
            "redaction": self.redaction,
            "sourceBuckets": list(self.allowed_sources),
        }
        return sha256(write_json(relevant)).hexdigest()
