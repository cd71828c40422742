from __future__ import annotations

import asyncio
from typing import Any

from stream_app import telemetry
from stream_app.core.wire import read_json
from stream_app.pipeline.ports import Incoming
from stream_app.policy_file import default_policy
from stream_app.runtime.review_binding import ReviewBinding
from tests.core.test_reviewing import AT, FIRST, said
from tests.runtime.test_bindings import FakeHost


class SlowHost(FakeHost):
    """Commits in their order, each after a while, as a transaction would."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = asyncio.Lock()

    async def commit(self, sends: Any, rows: Any, local: Any) -> None:
        async with self.lock:
            await asyncio.sleep(0.02)
            await super().commit(sends, rows, local)


async def test_the_lanes_of_one_partition_see_what_the_others_have_begun() -> None:
    binding = ReviewBinding(telemetry.disabled(), default_policy())
    host: Any = SlowHost()
    lanes = {topic: binding.open(host, topic, 0, host, host.rows) for topic in binding.topics}
    acked: list[tuple[str, int]] = []

    async def give(topic: str, offset: int, value: bytes) -> None:
        record = Incoming(topic, 0, offset, AT, b"call", value)
        await lanes[topic].submit([record], lambda last: acked.append((topic, last)))
        await asyncio.sleep(0.005)

    await give("packets", 0, FIRST.to_bytes())
    for number in range(5):
        await give("review-recorded", number, said("take", reviewer=f"r{number}", eventId=f"t{number}").to_bytes())
    for lane in lanes.values():
        await lane.close(2)
    tasks = [read_json(one.value) for one in host.sent if one.topic == "review-tasks"]
    assert [(one["revision"], one["assignee"]) for one in tasks] == [(1, None), (2, "r0")]
    assert [one.topic for one in host.sent].count("dead-letters") == 4
    assert acked[-1] == ("review-recorded", 4)
    assert host.failed == []
    binding.closed("packets", 0)
