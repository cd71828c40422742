"""A probe is a real round trip: a number on a running stack, an exception on one that is away or denies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiokafka.errors import KafkaError

from stream_app.dev import probes
from stream_app.dev.ports import choose
from stream_app.dev.state import Credentials, Endpoints
from stream_app.pipeline.ports import ObjectDenied, StoreUnavailable


def test_a_running_stack_answers(stack: Endpoints) -> None:
    assert probes.kafka(stack) > 0
    assert probes.s3(stack) > 0


def test_a_stack_that_is_away_does_not(stack: Endpoints) -> None:
    nobody = choose(["nobody"])["nobody"]
    away = replace(stack, kafka_bootstrap=f"127.0.0.1:{nobody}", s3_endpoint=f"http://127.0.0.1:{nobody}")
    with pytest.raises(KafkaError):
        probes.kafka(away)
    with pytest.raises(StoreUnavailable):
        probes.s3(away)


def test_a_store_that_denies_is_not_ready(stack: Endpoints) -> None:
    wrong = {name: Credentials(keys.access_key, "wrong") for name, keys in stack.credentials.items()}
    with pytest.raises(ObjectDenied):
        probes.s3(replace(stack, credentials=wrong))
