"""A line for scenarios in which time matters: short policies, power cuts, and a reader that notes when it saw what."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream_app import policy_file
from stream_app.core.wire import read_json, write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.runtime.client import Written, read_topic
from stream_app.settings import Settings
from tests import stories
from tests.examples import TRANSCRIPT
from tests.scenarios.live import Line

SHIPPED = Path(policy_file.__file__).parent / "policies" / "default.yaml"


def now_ms() -> int:
    """The wall clock, ms."""
    return time.time_ns() // 1_000_000


def records(documents: Sequence[dict[str, Any]]) -> list[Outgoing]:
    """Input events as producers write them, keyed by event ID."""
    return [Outgoing(one["type"], one["eventId"].encode(), write_json(one)) for one in documents]


def bare_call(number: int, end: int, **fields: Any) -> dict[str, Any]:
    """The call-ended of `call-<number>`; it points to nothing in storage, and without audio needs no recording."""
    stated = {"transcript": None, "recording": None, "channels": 0, **fields}
    return stories.call_ended(f"call-{number}-ended", call=f"call-{number}", end=end, **stated)


def failing(number: int, end: int) -> list[dict[str, Any]]:
    """A call with a reason, whose evaluation and transcript do not come."""
    call = f"call-{number}"
    return [
        bare_call(number, end, expectedToolCalls=1),
        stories.tool(f"{call}-tool", call=call, at=end, status="failed"),
    ]


def whole(number: int, end: int) -> list[dict[str, Any]]:
    """A call with a reason and everything that it requires; its transcript is `Scene.put_transcript`'s."""
    call = f"call-{number}"
    return [
        bare_call(number, end, transcript=stories.reference("transcript.json")),
        stories.evaluation(f"{call}-judged", call=call, at=end, failed=True),
        stories.trace(f"{call}-traced", call=call, at=end, traceId=f"{number:032x}"),
    ]


def short_policy(timing: dict[str, str], path: Path) -> None:
    """The shipped policy with other durations, written as a policy file; `timing` as in the file (`deadline: 2s`)."""
    text = SHIPPED.read_text()
    for name, value in timing.items():
        text, count = re.subn(rf"(?m)^  {name}: .*$", f"  {name}: {value}", text)
        assert count == 1, f"the shipped policy has no timing {name}"
    path.write_text(text)


class Seen:
    """What a reader saw, and when: (wall clock in ms, record) in the order of reading."""

    def __init__(self) -> None:
        self.records: list[tuple[int, Incoming]] = []

    def documents(self) -> list[tuple[int, dict[str, Any]]]:
        """(wall clock in ms, JSON) of every record so far."""
        return [(at, read_json(record.value or b"null")) for at, record in list(self.records)]

    def await_count(self, count: int, within_s: float) -> list[tuple[int, dict[str, Any]]]:
        """What was seen once it is so many; what is there when time is up fails the test."""
        until = time.monotonic() + within_s
        while len(self.records) < count:
            assert time.monotonic() < until, f"after {within_s} s {len(self.records)} of {count} records are there"
            time.sleep(0.02)
        return self.documents()


class Scene(Line):
    """One deployment under a policy file of its own; `settings` are further settings (lower case, no prefix)."""

    def __init__(self, stack: Endpoints, directory: Path, timing: dict[str, str], **settings: str) -> None:
        super().__init__(stack, directory)
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "policy.yaml"
        short_policy(timing, file)
        self.policy = policy_file.load(file)
        self.environment["STREAM_APP_POLICY_FILE"] = str(file)
        self.environment |= {f"STREAM_APP_{name.upper()}": value for name, value in settings.items()}
        values = {name.removeprefix("STREAM_APP_").lower(): value for name, value in self.environment.items()}
        self.settings = Settings(**values)  # type: ignore[arg-type]

    def put_transcript(self) -> None:
        """Store the transcript that stories point to."""
        self.put("s3://provider-drop/Redacted/transcript.json", TRANSCRIPT, "application/json")

    def retire(self, worker: subprocess.Popen[bytes], within_s: float = 25.0) -> None:
        """Stop one worker gently."""
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(within_s) == 0

    def publish_events(self, documents: Sequence[dict[str, Any]]) -> list[Written]:
        """Publish input events."""
        return self.publish(records(documents))

    def values(self, topic: str) -> dict[int, list[bytes]]:
        """Partition -> the committed values of a topic, in order."""

        async def read() -> dict[int, list[bytes]]:
            found: dict[int, list[bytes]] = {}
            async for record in read_topic(self.settings, topic):
                found.setdefault(record.partition, []).append(record.value or b"")
            return found

        return asyncio.run(read())

    @contextmanager
    def watching(self, topic: str) -> Iterator[Seen]:
        """A reader of committed records, those that are there already included."""
        seen = Seen()
        done = threading.Event()
        failed: list[BaseException] = []

        async def read() -> None:
            async for record in read_topic(self.settings, topic, start="beginning", follow=True, stop=done.is_set):
                seen.records.append((now_ms(), record))

        def run() -> None:
            try:
                asyncio.run(read())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run, name=f"reader of {topic}", daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join(10)
        assert not failed, failed
