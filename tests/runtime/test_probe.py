"""The broker's round trip: a number when it works, the client's error when it does not."""

from __future__ import annotations

import socket

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.dev.state import Endpoints
from stream_app.runtime.probe import PROBE_TOPIC, round_trip


async def test_a_round_trip_through_the_real_broker_may_be_repeated(stack: Endpoints) -> None:
    for _ in range(3):
        assert 0 < await round_trip(stack.kafka_bootstrap) < 10_000
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        assert PROBE_TOPIC in await admin.list_topics()
        assert not [group for group, _ in await admin.list_consumer_groups() if "probe" in group]
    finally:
        await admin.close()


async def test_a_broker_that_is_away_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(KafkaError):
        await round_trip(f"127.0.0.1:{port}")


async def test_a_broker_that_never_answers_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises((TimeoutError, KafkaError)):
        await round_trip(f"127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=1)
