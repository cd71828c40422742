"""Activating a policy on the real broker: once in every partition, again only when it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.core.evidence import PolicyActivated
from stream_app.core.policy import Policy
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime import policies
from stream_app.topics import EVIDENCE
from tests.deployments import Deployment, deployment

FIRST = default_policy()
SECOND = FIRST.model_copy(update={"version": "second"})


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=(EVIDENCE.name,)) as made:
        yield made


def activate(line: Deployment, policy: Policy) -> int:
    return asyncio.run(policies.activate(line.settings, policy))


def activated(line: Deployment) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for record in line.read(EVIDENCE.name):
        document = read_json(record.value or b"")
        if document.get("record") == "policy-activated":
            found.setdefault(record.partition, []).append(document["sha256"])
    return found


def test_a_policy_is_written_once_in_every_partition(line: Deployment) -> None:
    assert FIRST.sha256 != SECOND.sha256
    assert asyncio.run(policies.active(line.settings)) == {}
    assert activate(line, FIRST) == 2
    assert activate(line, FIRST) == 0
    assert activated(line) == {0: [FIRST.sha256], 1: [FIRST.sha256]}
    assert asyncio.run(policies.active(line.settings)) == {0: FIRST.sha256, 1: FIRST.sha256}

    assert activate(line, SECOND) == 2
    assert activate(line, SECOND) == 0
    assert activate(line, FIRST) == 2, "back to the first one is a change too"
    history = [FIRST.sha256, SECOND.sha256, FIRST.sha256]
    assert activated(line) == {0: history, 1: history}


def test_what_is_written_is_the_policy_itself(line: Deployment) -> None:
    activate(line, SECOND)
    for record in line.read(EVIDENCE.name):
        activation = PolicyActivated.from_dict(read_json(record.value or b""))
        assert Policy.from_dict(activation.policy) == SECOND
        assert Policy.from_dict(activation.policy).sha256 == activation.sha256


def test_a_partition_that_missed_it_gets_it_and_noise_is_passed_over(line: Deployment) -> None:
    one = PolicyActivated(sha256=FIRST.sha256, policy=FIRST.to_dict()).to_bytes()
    noise = [b'"policy-activated" but no JSON', b'{"record":"event","said":"policy-activated"}', b"{}"]
    line.send(Outgoing(EVIDENCE.name, None, one, partition=1))
    line.send(*(Outgoing(EVIDENCE.name, None, value, partition=1) for value in noise))
    assert asyncio.run(policies.active(line.settings)) == {1: FIRST.sha256}
    assert activate(line, FIRST) == 1
    assert asyncio.run(policies.active(line.settings)) == {0: FIRST.sha256, 1: FIRST.sha256}
