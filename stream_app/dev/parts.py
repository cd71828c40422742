"""The only place for what the embedded stack consists of: versions, settings, flags, buckets, identities.

Pure data. `docker-compose.yml` describes the same parts; `tests/house/test_compose.py` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

KAFKA_VERSION = "4.1.0"
KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
SEAWEEDFS_VERSION = "4.48"
SEAWEEDFS_IMAGE = f"chrislusf/seaweedfs:{SEAWEEDFS_VERSION}"
#: Only in compose, and there only with the profile `observability`.
COLLECTOR_IMAGE = "otel/opentelemetry-collector-contrib:0.160.0"
PROMETHEUS_IMAGE = "prom/prometheus:v3.16.0"

LOOPBACK = "127.0.0.1"
HEAP_MEGABYTES = 512
#: In compose ports are fixed; the embedded stack chooses free ones.
COMPOSE_KAFKA_PORT = 9092
COMPOSE_S3_PORT = 8333
#: Free bytes below which `up` refuses: jars, log segments and volumes of a few demo runs.
MINIMUM_FREE_BYTES = 2 * 1024**3

#: Broker settings that decide behaviour, not addresses; the same in compose.
BROKER_SETTINGS: tuple[tuple[str, str], ...] = (
    # Topics are created and checked by our own code (`stream-app topics apply`), never by a typing mistake.
    ("auto.create.topics.enable", "false"),
    # One broker: every internal topic has one replica.
    ("default.replication.factor", "1"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    # 50 partitions each by default: most of the first group's and first transaction's waiting time.
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    # A lone consumer must not wait three seconds for company.
    ("group.initial.rebalance.delay.ms", "0"),
    # The default of 128 MiB is a quarter of the heap.
    ("log.cleaner.dedupe.buffer.size", "16777216"),
)

#: `weed mini` flags that decide behaviour, not addresses; the same in compose.
STORE_FLAGS: tuple[tuple[str, str], ...] = (
    ("webdav", "false"),
    ("admin.ui", "false"),
    ("s3.port.iceberg", "0"),
    ("s3.port.lance", "0"),
    # A wrong bucket name must fail here as it fails on AWS.
    ("s3.autoCreateBucket", "false"),
    # On by default: reports usage to a public host.
    ("master.telemetry", "false"),
)

#: provider-drop: what providers delivered. review-packets: redacted artifacts, manifests. raw-restricted: its own
#: readers. staging: inline or expiring content until it is sealed. call-keys: what private values are encrypted under.
BUCKETS: tuple[str, ...] = ("provider-drop", "review-packets", "raw-restricted", "staging", "call-keys")


@dataclass(frozen=True)
class Identity:
    """A name that owns one key pair, and what it may do, in SeaweedFS's words (`Action` or `Action:bucket`)."""

    name: str
    actions: tuple[str, ...]


def _may(actions: str, *buckets: str) -> tuple[str, ...]:
    return tuple(f"{action}:{bucket}" for bucket in buckets for action in actions.split())


IDENTITIES: tuple[Identity, ...] = (
    Identity("admin", ("Admin", "Read", "Write", "List", "Tagging")),
    Identity("provider", _may("Read Write List", "provider-drop")),
    Identity(
        "sealer",
        _may("Read", "provider-drop")
        + _may("Read Write List", "review-packets", "raw-restricted", "staging", "call-keys"),
    ),
    Identity("eraser", _may("Read Write List", "call-keys")),
    Identity("reviewer", _may("Read List", "review-packets")),
    Identity("restricted", _may("Read List", "review-packets", "raw-restricted")),
)

#: The identity whose keys `.dev/env` gives to the worker.
WORKER_IDENTITY = "sealer"
#: The identity that the readiness probe uses, and the bucket it writes to.
PROBE_IDENTITY = "admin"
PROBE_BUCKET = "staging"
