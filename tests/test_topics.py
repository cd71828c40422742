"""The topics as data: complete, named once, and sized so that what is too large is our answer and not a lost record."""

from __future__ import annotations

import pytest

from stream_app.core.events import EVENT_TYPES
from stream_app.topics import DEAD_LETTERS, INTAKE_TOPICS, MAX_EVENT_BYTES, TOPICS, topic_named


def test_every_topic_is_named_once_and_says_what_it_carries() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    without = [topic.name for topic in TOPICS if not topic.models]
    assert without == ["provider-records"]  # Foreign payloads have no model of ours.
    assert all(topic.purpose and topic.key for topic in TOPICS)


def test_intake_reads_every_event_there_is() -> None:
    assert {topic.name for topic in INTAKE_TOPICS} == {model.TYPE for model in EVENT_TYPES}
    assert all(topic.models[0] in EVENT_TYPES for topic in INTAKE_TOPICS)


def test_inputs_carry_the_brokers_time() -> None:
    assert {topic.config()["message.timestamp.type"] for topic in INTAKE_TOPICS} == {"LogAppendTime"}
    assert topic_named("identity").config()["message.timestamp.type"] == "LogAppendTime"


def test_an_oversize_event_arrives_and_its_dead_letter_fits() -> None:
    for topic in INTAKE_TOPICS:
        assert topic.max_message_bytes > 5 * MAX_EVENT_BYTES
        assert topic.max_message_bytes * 4 / 3 < DEAD_LETTERS.max_message_bytes


def test_clean_up_is_one_or_the_other() -> None:
    for topic in TOPICS:
        assert ("retention.ms" in topic.config()) == (topic.config()["cleanup.policy"] == "delete")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        topic_named("packet")
