"""Releases that take turns on one line with open joins: nothing is lost, doubled or judged otherwise.

`STREAM_APP_TEST_OLD_CHECKOUT` names a checkout of the release to come from (and to go back to), with its `.venv`.
Without it this release takes turns with itself, which shows the handing over alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.dev.state import Endpoints
from tests import deployments, stories
from tests.scenarios.scene import Scene, bare_call, failing, now_ms

OLD = os.environ.get("STREAM_APP_TEST_OLD_CHECKOUT")
CALLS = 40
TIMED_OUT = 10


@pytest.fixture
def scene(stack: Endpoints, tmp_path: Path) -> Iterator[Scene]:
    live = Scene(stack, tmp_path, {"deadline": "10m", "settling": "1s"})
    live.create()
    live.put_transcript()
    try:
        yield live
    finally:
        live.end()


def pieces(number: int, end: int) -> list[dict[str, Any]]:
    """Four pieces of a call, which is complete when the last is there; two of them know it by its trace alone."""
    call = f"call-{number}"
    trace = {"traceId": f"{number + 1:032x}"}
    return [
        bare_call(number, end, transcript=stories.reference("transcript.json"), expectedToolCalls=1, aliases=trace),
        stories.evaluation(f"{call}-judged", call=call, at=end, failed=True),
        stories.trace(f"{call}-traced", call=None, at=end, **trace),
        stories.tool(f"{call}-tool", call=None, at=end, status="failed", aliases=trace),
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("release", ["itself", "old"])
def test_releases_take_turns_while_joins_are_open(scene: Scene, release: str) -> None:
    checkout = None
    if release == "old":
        if OLD is None:
            pytest.skip("set STREAM_APP_TEST_OLD_CHECKOUT to a checkout of the last release, with its .venv")
        checkout = Path(OLD)
    end = now_ms()
    calls = [pieces(number, end) for number in range(CALLS)]
    past = end - 9 * 60_000  # Their deadline comes about when the releases change places.
    lost = [event for number in range(CALLS, CALLS + TIMED_OUT) for event in failing(number, past)]

    first = scene.start(checkout=checkout)
    scene.publish_events([call[0] for call in calls] + lost)
    scene.wait("evidence", lambda seen: sum(one["record"] == "event" for one in seen) >= CALLS + len(lost))
    second = scene.start()
    scene.publish_events([call[1] for call in calls])
    scene.retire(first)
    scene.publish_events([call[2] for call in calls])
    third = scene.start(checkout=checkout)
    scene.retire(second)
    assert third.poll() is None
    assert not [one for one in scene.read("seal-orders") if one["completedBy"] == "all_evidence"], "joins stay open"
    scene.publish_events([call[3] for call in calls])

    packets = scene.wait("packets", lambda seen: len(seen) >= CALLS + TIMED_OUT, within_s=120)
    assert sorted(one["packetId"] for one in packets) == sorted(f"call-{n}/1" for n in range(CALLS + TIMED_OUT))
    assert {one["status"] for one in packets if int(one["canonicalCallId"][5:]) < CALLS} == {"complete"}
    assert {one["status"] for one in packets if int(one["canonicalCallId"][5:]) >= CALLS} == {"incomplete"}
    assert {one["policy"]["sha256"] for one in packets} == {scene.policy.sha256}
    # This release gives the same orders from the same log, whichever release gave them: their bytes, so their hashes.
    shown = deployments.run(deployments.clean_environment(**scene.environment), "audit", "--replay")
    assert shown.returncode == 0, shown.stdout
