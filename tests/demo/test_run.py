"""The driver's own decisions, without a broker; the whole run is in tests/scenarios/test_demo.py."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from stream_app.demo import run
from stream_app.demo.ground_truth import Expected
from stream_app.demo.outcome import Seen
from stream_app.demo.processes import DemoFailed
from stream_app.pipeline.ports import StoreUnavailable
from stream_app.policy_file import default_policy
from stream_app.runtime.audit import Accounting
from tests.demo.test_processes import child, silent

VARIABLES = {
    "STREAM_APP_KAFKA_BOOTSTRAP": "127.0.0.1:1", "STREAM_APP_S3_ENDPOINT": "http://127.0.0.1:2",
    "STREAM_APP_S3_ACCESS_KEY": "key", "STREAM_APP_S3_SECRET_KEY": "secret",
}  # fmt: skip


def test_settings_come_from_the_given_variables_and_each_demo_has_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_APP_KAFKA_BOOTSTRAP", "elsewhere:9092")
    monkeypatch.setenv("STREAM_APP_TOPIC_PREFIX", "production.")
    settings = run.settings_of(VARIABLES, "demo-1.", tmp_path / "policy.yaml", tmp_path / "state")
    assert (settings.kafka_bootstrap, settings.s3_endpoint) == ("127.0.0.1:1", "http://127.0.0.1:2")
    assert (settings.topic_prefix, settings.packet_bucket) == ("demo-1.", "review-packets/demo-1")
    assert settings.policy_file == tmp_path / "policy.yaml"


async def test_a_worker_that_dies_in_the_middle_is_noticed(tmp_path: Path) -> None:
    worker = child("raise SystemExit(7)", tmp_path)
    with pytest.raises(DemoFailed, match="exit code 7"):
        await asyncio.wait_for(run._still_runs(worker, asyncio.Event()), 10)


def account(**fields: object) -> Accounting:
    whole: dict[str, object] = {"positions": 5, "endings": {"call-ended": Counter({"used": 3, "parked": 2})}}
    return Accounting(**{**whole, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("account", "parked", "confirmed", "text"),
    [
        (account(unaccounted=["tool-call/0/7"]), 2, 5, "tool-call/0/7: not accounted for"),
        (account(twice=["tool-call/0/7"]), 2, 5, "tool-call/0/7: accounted for twice"),
        (account(), 2, 6, "5 input positions, but 6 events were sent"),
        (account(), 1, 5, "2 events are parked, expected 1"),
    ],
)
def test_what_does_not_add_up_is_a_difference(account: Accounting, parked: int, confirmed: int, text: str) -> None:
    assert run._account(account, parked, confirmed) == [text]


def test_what_adds_up_is_none() -> None:
    assert run._account(account(), 2, 5) == []


LATE = Expected("c-1", "complete", frozenset(), frozenset({"failed_tool_call"}), times_out=False, parked=0)


async def test_waiting_ends_at_a_limit_with_what_is_still_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SLACK_S", 0.0)
    monkeypatch.setattr(run, "SURPLUS_S", 0.0)
    policy = default_policy().scaled(5_000)
    began = time.monotonic()
    left = await run._await_outcome([LATE], Seen(), policy, silent, [])
    assert left == ["c-1: no packet; expected complete for ['failed_tool_call']"]
    assert time.monotonic() - began < 5


async def test_surplus_that_comes_at_the_very_end_is_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SURPLUS_S", 0.3)
    seen = Seen()
    waiting = asyncio.create_task(run._await_outcome([], seen, default_policy(), silent, []))
    await asyncio.sleep(0.1)
    seen.packet({"packetId": "x/1", "canonicalCallId": "x", "version": 1}, 1)
    assert await waiting == ["x: a packet for a call that nobody made"]


async def test_a_watcher_that_fails_ends_the_waiting() -> None:
    async def broken() -> None:
        raise DemoFailed("the worker ended")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    with pytest.raises(DemoFailed, match="the worker ended"):
        await run._await_outcome([LATE], Seen(), default_policy(), silent, [task])


class AwayStore:
    """A store that nobody can write to."""

    async def put_once(self, uri: str, body: bytes, *, media_type: str) -> str:
        raise StoreUnavailable(uri, f"no answer for {len(body)} bytes of {media_type}")


async def test_artifacts_that_cannot_be_stored_stop_the_demo_before_any_event() -> None:
    from stream_app.demo.conversations import Conversation
    from stream_app.demo.convert import convert

    with pytest.raises(StoreUnavailable):
        await run._upload(AwayStore(), [convert(Conversation(call_id="c"), 1)], silent)  # type: ignore[arg-type]
