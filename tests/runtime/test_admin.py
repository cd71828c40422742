"""Topics on the real broker: made once, compared always, never changed; and the comparison itself, pure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream_app.dev.state import Endpoints
from stream_app.runtime import admin
from stream_app.runtime.admin import TopicCreationFailed, TopicState, WantedTopic, compare, wanted_topics
from stream_app.runtime.client import TopicAbsent
from stream_app.settings import Settings
from stream_app.topics import TOPICS
from tests.deployments import Deployment, deployment

WANTED = WantedTopic("x", "internal", 4, 3, {"cleanup.policy": "compact", "min.insync.replicas": "2"})


@pytest.fixture
def empty(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=()) as made:
        yield made


def apply(settings: Settings) -> dict[str, TopicState]:
    found = asyncio.run(admin.apply(settings))
    return {one.name.removeprefix(settings.topic_prefix): one for one in found}


def check(settings: Settings) -> dict[str, TopicState]:
    found = asyncio.run(admin.check(settings))
    return {one.name.removeprefix(settings.topic_prefix): one for one in found}


def config_of(line: Deployment, name: str) -> dict[str, str]:
    async def main() -> dict[str, str]:
        client = AIOKafkaAdminClient(bootstrap_servers=line.settings.kafka_bootstrap)
        await client.start()
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, line.settings.topic(name))
            (answer,) = await client.describe_configs([resource])
            return {entry[0]: entry[1] for entry in answer.resources[0][4]}
        finally:
            await client.close()

    return asyncio.run(main())


def test_apply_makes_everything_once_and_check_makes_nothing(empty: Deployment) -> None:
    before = check(empty.settings)
    assert {one.state for one in before.values()} == {"missing"}
    assert all("`stream-app topics apply` creates it" in one.problems[0] for one in before.values())
    assert empty.topics() == {}

    first = apply(empty.settings)
    changelogs = {empty.changelog(stage, table) for stage, table in admin.TABLES}
    assert set(first) == {topic.name for topic in TOPICS} | changelogs
    assert {one.state for one in first.values()} == {"created"}
    assert {one.problems for one in first.values()} == {()}
    assert empty.topics() == {empty.settings.topic(name): 2 for name in first}

    assert {one.state for one in apply(empty.settings).values()} == {"ok"}
    assert {one.state for one in check(empty.settings).values()} == {"ok"}
    for name in changelogs:
        assert config_of(empty, name)["cleanup.policy"] == "compact"
        assert int(config_of(empty, name)["max.message.bytes"]) == admin.CHANGELOG_MAX_BYTES
    assert config_of(empty, "call-ended")["message.timestamp.type"] == "LogAppendTime"
    assert config_of(empty, "packets")["cleanup.policy"] == "delete"
    # What bad input becomes is larger than the input itself.
    sizes = {name: int(config_of(empty, name)["max.message.bytes"]) for name in ("call-ended", "dead-letters")}
    assert sizes["dead-letters"] >= sizes["call-ended"] * 4 / 3


def test_drift_is_said_and_nothing_is_changed(empty: Deployment) -> None:
    empty.create("packets", 3, **{"retention.ms": "60000"})
    packets = apply(empty.settings)["packets"]
    assert packets.state == "drift"
    assert packets.partitions == 3
    said = "; ".join(packets.problems)
    assert "has 3 partitions, should have 2" in said
    assert "retention.ms is 60000, should be 2592000000" in said
    assert f"kafka-configs --alter --topic {empty.settings.topic('packets')} --add-config retention.ms=" in said
    assert empty.topics()[empty.settings.topic("packets")] == 3
    assert config_of(empty, "packets")["retention.ms"] == "60000"
    assert {one.state for name, one in check(empty.settings).items() if name != "packets"} == {"ok"}


def test_input_topics_keep_their_own_count(empty: Deployment) -> None:
    wanted = {one.name: one for one in wanted_topics(empty.settings)}
    name = empty.settings.topic("tool-call")
    empty.create("tool-call", 5, **wanted[name].config)
    state = apply(empty.settings)["tool-call"]
    assert (state.state, state.partitions, state.problems) == ("ok", 5, ())


def test_what_the_broker_refuses_is_said(empty: Deployment) -> None:
    with pytest.raises(TopicCreationFailed, match=r"could not be created \(error 38\): .*[Rr]eplication"):
        apply(empty.settings.model_copy(update={"replication_factor": 9}))
    assert empty.topics() == {}


def test_a_new_topic_that_never_appears_is_given_up(empty: Deployment) -> None:
    impatient = empty.settings.model_copy(update={"request_timeout_s": 1})
    with pytest.raises(TopicAbsent):
        asyncio.run(asyncio.wait_for(admin.await_leaders(impatient, [impatient.topic("packets")]), 10))


def test_comparing_finds_each_difference() -> None:
    good = dict(WANTED.config)
    assert compare(WANTED, 4, 3, good | {"segment.bytes": "1"}) == (), "what is not ours to say is not compared"
    assert compare(WANTED, 4, 5, good) == (), "more replicas do no harm"
    (partitions,) = compare(WANTED, 8, 3, good)
    assert "has 8 partitions, should have 4" in partitions
    assert "STREAM_APP_TOPIC_PREFIX" in partitions
    assert compare(replace(WANTED, any_count=True), 8, 3, good) == ()
    assert compare(WANTED, 4, 1, good) == ("has 1 replicas, should have 3",)
    (config,) = compare(WANTED, 4, 3, good | {"cleanup.policy": "delete"})
    assert config.startswith("cleanup.policy is delete, should be compact: kafka-configs --alter --topic x")
    assert len(compare(WANTED, 8, 1, {})) == 4


def test_settings_decide_counts_replicas_and_names() -> None:
    settings = Settings(
        topic_prefix="eu.", app_id="evidence", internal_partitions=6, input_partitions=3, replication_factor=3,
        min_insync_replicas=2,
    )  # fmt: skip
    wanted = {one.name: one for one in wanted_topics(settings)}
    assert admin.changelog_name(settings, "join", "join") == "eu.evidence-join-join-changelog"
    assert len(wanted) == len(TOPICS) + len(admin.TABLES)
    assert all(name.startswith("eu.") for name in wanted)
    inputs = {name: one for name, one in wanted.items() if one.role == "input"}
    beside = inputs.pop("eu.review-recorded")
    assert {one.partitions for one in inputs.values()} == {3}
    assert (beside.partitions, beside.any_count) == (6, False), "read beside the packets of the same calls"
    assert {one.partitions for one in wanted.values() if one.role != "input"} == {6}
    assert {one.replication_factor for one in wanted.values()} == {3}
    assert {one.config["min.insync.replicas"] for one in wanted.values()} == {"2"}
    assert {one.any_count for one in wanted.values() if one.role != "input"} == {False}
