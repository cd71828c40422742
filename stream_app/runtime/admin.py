"""The only place that creates topics and compares them with what they should be.

The broker never creates a topic by itself here: a topic with one partition or seven days of retention that nobody
chose would lose evidence silently.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream_app.runtime.client import AWAY, TopicAbsent, partitions_of, unavailable
from stream_app.settings import Settings
from stream_app.topics import DAY_MS, MIB, PROVIDER_RECORDS, TOPICS, Role, Topic

TABLES: tuple[tuple[str, str], ...] = (
    ("identity", "identity"),
    ("join", "join"),
    ("seal", "seal"),
    ("ledger", "ledger"),
    ("review", "review"),
)
"""(stage, table): every table's changelog is a topic of its own."""

CHANGELOG_MAX_BYTES = 8 * MIB
"""One call's whole state must fit one record."""

_EXISTS = 36
_APPEARS_S = 0.05


@dataclass(frozen=True)
class WantedTopic:
    """One topic as it should be, under its full name. `partitions` of a foreign input may differ (`any_count`)."""

    name: str
    role: Role
    partitions: int
    replication_factor: int
    config: dict[str, str]
    any_count: bool = False


@dataclass(frozen=True)
class TopicState:
    """What was found of one topic. `problems` are sentences, empty unless `state` is `drift` or `missing`."""

    name: str
    role: Role
    partitions: int
    state: Literal["ok", "created", "missing", "drift"]
    problems: tuple[str, ...] = ()


class TopicCreationFailed(Exception):
    """The broker refused to create a topic; the message says which and why."""


def changelog_name(settings: Settings, stage: str, table: str) -> str:
    """The full name of a table's changelog: `<group>-<table>-changelog`, as Faust builds it."""
    return f"{settings.group(stage)}-{table}-changelog"


def _further_inputs(settings: Settings) -> list[Topic]:
    """Topics of providers' payloads by other names."""
    known = {topic.name for topic in TOPICS}
    return [replace(PROVIDER_RECORDS, name=name) for name in settings.providers_by_topic() if name not in known]


def _fixed(topic: Topic) -> bool:
    return topic.role != "input" or topic.beside


def wanted_topics(settings: Settings) -> tuple[WantedTopic, ...]:
    """Every topic a deployment needs, changelogs included."""
    common = {"min.insync.replicas": str(settings.min_insync_replicas)}
    found = [
        WantedTopic(
            name=settings.topic(topic.name),
            role=topic.role,
            partitions=settings.internal_partitions if _fixed(topic) else settings.input_partitions,
            replication_factor=settings.replication_factor,
            config=topic.config() | common,
            any_count=not _fixed(topic),
        )
        for topic in (*TOPICS, *_further_inputs(settings))
    ]
    changelog = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(CHANGELOG_MAX_BYTES),
        "delete.retention.ms": str(DAY_MS),
    }
    found += [
        WantedTopic(
            name=changelog_name(settings, stage, table),
            role="internal",
            partitions=settings.internal_partitions,
            replication_factor=settings.replication_factor,
            config=changelog | common,
        )
        for stage, table in TABLES
    ]
    return tuple(found)


def compare(wanted: WantedTopic, partitions: int, replicas: int, config: dict[str, str]) -> tuple[str, ...]:
    """What is not as it should be, in sentences; () when all is well. Pure."""
    problems = []
    if partitions != wanted.partitions and not wanted.any_count:
        problems.append(
            f"has {partitions} partitions, should have {wanted.partitions}: keys would go elsewhere, "
            "so the count cannot be mended in place; use another STREAM_APP_TOPIC_PREFIX or the old count"
        )
    if replicas < wanted.replication_factor:
        problems.append(f"has {replicas} replicas, should have {wanted.replication_factor}")
    for name, value in sorted(wanted.config.items()):
        actual = config.get(name)
        if actual != value:
            problems.append(
                f"{name} is {actual}, should be {value}: "
                f"kafka-configs --alter --topic {wanted.name} --add-config {name}={value}"
            )
    return tuple(problems)


async def apply(settings: Settings) -> list[TopicState]:
    """Create what is missing, then check everything. Drift is reported, never mended: data may depend on it.

    Raises TopicCreationFailed and KafkaUnavailable.
    """
    return await _with_client(settings, create=True)


async def check(settings: Settings) -> list[TopicState]:
    """Compare every topic with what it should be; creates nothing. Raises KafkaUnavailable."""
    return await _with_client(settings, create=False)


async def _with_client(settings: Settings, *, create: bool) -> list[TopicState]:
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{settings.app_id}-admin",
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await client.start()
    except AWAY as error:
        await client.close()
        raise unavailable(settings, error) from error
    try:
        wanted = wanted_topics(settings)
        created = await _create_missing(settings, client, wanted) if create else frozenset()
        return await _compare_all(client, wanted, created)
    except AWAY as error:
        raise unavailable(settings, error) from error
    finally:
        await client.close()


async def _create_missing(settings: Settings, client: Any, wanted: Sequence[WantedTopic]) -> frozenset[str]:
    present = set(await client.list_topics())
    missing = [topic for topic in wanted if topic.name not in present]
    if not missing:
        return frozenset()
    answer = await client.create_topics(
        [NewTopic(one.name, one.partitions, one.replication_factor, topic_configs=one.config) for one in missing]
    )
    for name, code, *message in answer.topic_errors:
        if code not in (0, _EXISTS):  # Somebody else may have created it in between: the check below judges it.
            raise TopicCreationFailed(f"{name} could not be created (error {code}): {(message or [None])[0]}")
    await await_leaders(settings, [one.name for one in missing])
    return frozenset(name for name, code, *_ in answer.topic_errors if code == 0)


async def await_leaders(settings: Settings, names: Sequence[str]) -> None:
    """Wait until every partition of these new topics (full names) answers.

    The broker confirms a topic before its metadata names it, and names a leader before that leader takes records.
    Raises TopicAbsent where a topic has not appeared after the request timeout, and KafkaUnavailable.
    """
    until = time.monotonic() + settings.request_timeout_s
    while True:
        try:
            partitions = await partitions_of(settings, names)
            break
        except TopicAbsent:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(_APPEARS_S)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=int(settings.request_timeout_s * 1000)
    )
    try:
        await consumer.start()
        await consumer.end_offsets(partitions)
    except AWAY as error:
        raise unavailable(settings, error) from error
    finally:
        await consumer.stop()


async def _compare_all(client: Any, wanted: Sequence[WantedTopic], created: frozenset[str]) -> list[TopicState]:
    present = set(await client.list_topics())
    names = [topic.name for topic in wanted if topic.name in present]
    shapes = {one["topic"]: one for one in await client.describe_topics(names)} if names else {}
    configs = await _configs_of(client, names) if names else {}
    found = []
    for topic in wanted:
        if topic.name not in shapes:
            problem = "does not exist; `stream-app topics apply` creates it"
            found.append(TopicState(topic.name, topic.role, 0, "missing", (problem,)))
            continue
        parts = shapes[topic.name]["partitions"]
        replicas = min((len(part["replicas"]) for part in parts), default=0)
        problems = compare(topic, len(parts), replicas, configs.get(topic.name, {}))
        state: Literal["ok", "created", "drift"] = "drift" if problems else "created" if topic.name in created else "ok"
        found.append(TopicState(topic.name, topic.role, len(parts), state, problems))
    return found


async def _configs_of(client: Any, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await client.describe_configs(resources)
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
