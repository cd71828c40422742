"""`why` and `joins list` on real workers: each partition has one owner, and any worker answers for all of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stream_app.dev.state import Endpoints
from stream_app.policy_file import default_policy
from tests import stories
from tests.scenarios.live import READY_S, ROOT, Line
from tests.scenarios.test_recovery import now_ms, records
from tests.stories import MINUTE, SECOND

WITHIN_S = 1.0
PHONE = "+15005550006"
POLICY = default_policy().model_copy(
    update={
        "timing": default_policy().timing.model_copy(
            update={
                "mint_delay": 2 * SECOND,
                "retention": 20 * MINUTE,
                "late_horizon": 20 * MINUTE,
                "skew_behind": 60 * MINUTE,
            }
        )
    }
)


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Two workers that share identity and join: neither has all partitions."""
    live = Line(stack, tmp_path_factory.mktemp("why"), POLICY)
    live.create()
    try:
        live.start()
        live.start(("identity", "join"))
        wait_for(lambda: all(halved(url) for url in urls(live)), READY_S)
        live.publish(records(documents()))
        wait_for(lambda: all(settled(url) for url in urls(live)), READY_S)
        yield live
    finally:
        live.end()


def documents() -> list[dict[str, Any]]:
    """Calls of every fate, all but the last ended now."""
    now = now_ms()
    never = [
        stories.artifact(kind, f"sealed-{kind}", never=True, call="call-sealed", at=now)
        for kind in ("transcript", "recording")
    ]
    return [
        # Waits for its evaluation and trace. Its caller's number stands in a name.
        stories.call_ended("open-ended", call="call-open", end=now, aliases={"livekitRoom": "open"}),
        stories.tool("open-tool", call=None, at=now, status="failed", aliases={"livekitRoom": "open"}),
        stories.tool(
            "open-sip", call="call-open", at=now, number=2, aliases={"sipCallId": f"{PHONE}@example.org"},
            arguments={"secret": "x"},
        ),
        stories.call_ended("sealed-ended", call="call-sealed", end=now, transcript=None, recording=None),
        *never,
        stories.trace("sealed-trace", call="call-sealed", at=now, traceId="5e" * 16),
        stories.evaluation("sealed-judged", call="call-sealed", at=now, failed=True),
        # Nobody says whose the alias is.
        stories.tool("parked-tool", call=None, at=now, aliases={"livekitRoom": "parked"}),
        # Nobody gives it an ID; of the other, a system does, but late.
        stories.call_ended("minted-ended", call=None, end=now, aliases={"livekitRoom": "minted"}),
        stories.call_ended("merged-ended", call=None, end=now, aliases={"livekitRoom": "merged"}),
        # Two systems give one alias to two calls.
        stories.call_ended("one-ended", call="call-one", end=now, aliases={"livekitRoom": "disputed"}),
        stories.call_ended("two-ended", call="call-two", end=now, aliases={"livekitRoom": "disputed"}),
        # Older than anything is remembered.
        stories.call_ended("gone-ended", call="call-gone", end=now - 30 * MINUTE, aliases={"livekitRoom": "gone"}),
    ]  # fmt: skip


def late() -> dict[str, Any]:
    return stories.tool("merged-tool", call="call-late", at=now_ms(), aliases={"livekitRoom": "merged"})


def urls(line: Line) -> list[str]:
    """Where each worker answers."""
    logs = [line.directory / f"worker-{number}.log" for number in range(len(line._workers))]
    return [re.findall(r"^health (\S+)$", log.read_text(errors="replace"), re.M)[0] for log in logs]


def get(url: str) -> tuple[int, dict[str, Any], float]:
    """(HTTP status, answer, seconds)."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body), time.monotonic() - began


def wait_for(condition: Any, within_s: float) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.3)


def halved(url: str) -> bool:
    """Whether the worker has one of the two partitions of each, and is well."""
    status, body, _ = get(f"{url}/readyz")
    return status == 200 and all(one["assigned"] == 1 for one in body["stages"] if one["stage"] in ("identity", "join"))


def settled(url: str) -> bool:
    """Whether all that is published has come to what it comes to, but for what is late."""
    minted, disputed, sealed = (get(f"{url}/v1/calls/{name}")[1] for name in ("minted", "disputed", "call-sealed"))
    come = minted.get("canonicalCallId") and disputed.get("disputed") and sealed.get("packets")
    return bool(come) and sealed["unanswered"] == []


def why(line: Line, name: str, status: int = 200) -> dict[str, Any]:
    """Every worker's answer, which is the same, and comes in time."""
    answers = []
    for url in urls(line):
        code, found, seconds = get(f"{url}/v1/calls/{quote(name, safe='')}")
        assert (code, found.pop("unanswered", [])) == (status, []), found
        assert seconds < WITHIN_S, f"{name}: {seconds:.2f} s"
        for time_of_day in ("joinTime", "nextLookAt"):
            found.pop(time_of_day, None)
        answers.append(found)
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("name", ["call-open", "livekitRoom:open", "open"])
def test_an_open_call(line: Line, name: str) -> None:
    found = why(line, name)
    assert found["canonicalCallId"] == "call-open"
    room, sip = found["names"]
    assert room == {
        "alias": "livekitRoom:open", "saidBy": "test/call-ended", "namedBy": ["test/call-ended", "test/tool-call"],
        "state": "linked",
    }  # fmt: skip
    assert sip["alias"].startswith("sipCallId:masked-")
    assert {one["eventId"] for one in found["evidence"]} == {"open-ended", "open-tool", "open-sip"}
    assert all(re.fullmatch(r"[a-z-]+/\d+/\d+", one["position"]) for one in found["evidence"])
    (gap,) = [gap for gap in found["missing"] if gap["kind"] == "evaluation"]
    assert gap["expectedFrom"] == "evaluation-completed"
    assert gap["requiredBy"]
    assert found["reasons"] == ["failed_tool_call"]
    assert found["deadlineAt"]
    assert found["packets"] == []
    for value in (PHONE, "5005550006", "secret", "lookup", "Redacted"):
        assert value not in json.dumps(found)


def test_a_sealed_call_by_its_trace(line: Line) -> None:
    found = why(line, f"traceId:{'5e' * 16}")
    assert [(one["packetId"], one["manifestUri"].rpartition("/v")[2]) for one in found["packets"]] == [
        ("call-sealed/1", "1/manifest.json")
    ]
    assert found["verdict"] == "version 1 was ordered"


def test_an_alias_that_waits(line: Line) -> None:
    found = why(line, "livekitRoom:parked")
    assert (found["canonicalCallId"], [one["eventId"] for one in found["parked"]]) == (None, ["parked-tool"])
    assert list(found["due"]) == ["livekitRoom:parked"]


def test_a_call_that_nobody_named(line: Line) -> None:
    found = why(line, "livekitRoom:minted")
    assert (found["canonicalCallId"], found["minted"]) == ("livekitRoom:minted", True)
    assert found["names"][0]["state"] == "minted"


def test_a_disputed_alias_and_both_calls(line: Line) -> None:
    for name in ("livekitRoom:disputed", "call-one", "call-two"):
        found = why(line, name)
        ((alias, claims),) = [(one["alias"], one["claimedBy"]) for one in found["disputed"]]
        assert (alias, sorted(claims)) == ("livekitRoom:disputed", ["call-one", "call-two"])
        assert found["verdict"].startswith("livekitRoom:disputed is disputed: claimed by call-")


def test_a_merged_call_under_both_of_its_names(line: Line) -> None:
    wait_for(lambda: get(f"{urls(line)[0]}/v1/calls/merged")[1].get("canonicalCallId"), 30)
    line.publish(records([late()]))
    wait_for(lambda: get(f"{urls(line)[0]}/v1/calls/call-late")[1].get("mergedFrom"), 30)
    found = why(line, "call-late")
    assert (found["canonicalCallId"], found["mergedFrom"]) == ("livekitRoom:merged", ["call-late"])
    assert found["ownNames"] == ["call-late"]
    assert {"merged-ended", "merged-tool"} <= {one["eventId"] for one in found["evidence"]}


def test_a_call_that_was_forgotten(line: Line) -> None:
    found = why(line, "livekitRoom:gone")
    assert found["canonicalCallId"] == "call-gone"
    assert "no longer in the join's memory" in found["verdict"]


def test_a_name_that_nobody_knows(line: Line) -> None:
    assert why(line, "livekitRoom:nobody", 404)["error"] == "unknown"
    assert why(line, "nobody", 404)["error"] == "unknown"


def test_open_joins_of_all_partitions(line: Line) -> None:
    for url in urls(line):
        status, found, _ = get(f"{url}/v1/joins?missing=evaluation&by=source")
        assert (status, found["partitions"], found["unanswered"]) == (200, [0, 1], [])
        ids = [row["canonicalCallId"] for row in found["joins"]]
        assert {"call-open", "call-one", "call-two"} <= set(ids)
        assert "call-sealed" not in ids
        assert found["groups"] == {"evaluation-completed": found["count"]}
        assert get(f"{url}/v1/joins?olderThan=10m")[1]["count"] == 0
        assert get(f"{url}/v1/joins?missing=nothing")[0] == 400


def command(line: Line, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream_app", *words],
        cwd=ROOT, env={**os.environ, **line.environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_commands_find_a_worker_by_the_state_directory(line: Line) -> None:
    shown = command(line, "why", "livekitRoom:open")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("call      call-open: waiting for what is missing")
    assert command(line, "why", "nobody").returncode == 1
    listed = command(line, "joins", "list", "--missing", "evaluation", "--by", "source")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.fullmatch(r" +\d+  evaluation-completed\n", listed.stdout)


def test_the_changelogs_say_the_same(line: Line) -> None:
    shown = command(line, "why", "livekitRoom:open", "--offline", "--json")
    assert shown.returncode == 0, shown.stderr
    offline, online = json.loads(shown.stdout), why(line, "livekitRoom:open")
    assert offline["answeredBy"] == "changelogs"
    for field in ("canonicalCallId", "names", "evidence", "missing", "deadlineAt", "verdict", "disputed"):
        assert offline[field] == online[field], field


def test_workers_answer_each_other_by_a_token_only(line: Line) -> None:
    for url in urls(line):
        question = urllib.request.Request(f"{url}/v1/ask", data=b'{"stage": "join", "question": "call", "call": "x"}')
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(question, timeout=5)
    (one, *_) = (Path(line.environment["STREAM_APP_STATE_DIR"]) / line.settings.group("workers")).glob("*.json")
    assert one.stat().st_mode & 0o077 == 0, "nobody else on this machine may read it"


MANY = 100_000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_answers_with_100_000_open_calls(stack: Endpoints, tmp_path: Path) -> None:
    """`why` in a second from the worker that does not own the call, also while every open call is being listed."""
    live = Line(stack, tmp_path)
    live.create()
    try:
        live.start()
        live.start(("identity", "join"))
        wait_for(lambda: all(halved(url) for url in urls(live)), READY_S)
        for first in range(0, MANY, 5000):
            live.publish(records([many(number) for number in range(first, first + 5000)]))
        here, there = urls(live)
        wait_for(lambda: get(f"{here}/v1/joins?limit=0")[1].get("count") == MANY, 600)
        listed = [get(f"{here}/v1/joins?missing=evaluation&by=source") for _ in range(3)]
        alone = sorted(asked(url, number) for number in range(0, MANY, MANY // 100) for url in (here, there))
        beside: list[float] = []
        scanning = threading.Thread(target=lambda: get(f"{here}/v1/joins?limit=1000"))
        scanning.start()
        while scanning.is_alive():
            beside.append(asked(there, len(beside)))
        print(
            f"\njoins list of {MANY}: {', '.join(f'{seconds:.1f} s' for _, _, seconds in listed)}; "
            f"why: median {alone[len(alone) // 2] * 1000:.0f} ms, longest {alone[-1] * 1000:.0f} ms; "
            f"during a list: longest of {len(beside)} {max(beside) * 1000:.0f} ms"
        )
        assert [found["count"] for _, found, _ in listed] == [MANY] * 3
        assert alone[-1] < WITHIN_S
        assert max(beside) < WITHIN_S
    finally:
        live.end()


def many(number: int) -> dict[str, Any]:
    return stories.call_ended(
        f"e{number}", call=f"call-{number}", end=now_ms(), aliases={"twilioCallSid": f"CA{number}"}
    )


def asked(url: str, number: int) -> float:
    status, found, seconds = get(f"{url}/v1/calls/CA{number}")
    assert (status, found.get("canonicalCallId"), found["unanswered"]) == (200, f"call-{number}", []), (found, seconds)
    return seconds


def test_what_nobody_can_say_is_not_called_unknown(line: Line) -> None:
    """The last test: it ends the second worker, and the first takes half a minute to own everything."""
    line._workers[1].kill()
    code, found, seconds = get(f"{urls(line)[0]}/v1/calls/some-value")
    assert (code, found["error"]) == (503, "no_answer"), found
    assert found["unanswered"]
    assert seconds < WITHIN_S + 0.5
    said = command(line, "why", "some-value").returncode
    if said != 3:
        # The machine is so busy that the first worker owns everything by the time the command asks.
        assert said == 1
        assert get(f"{urls(line)[0]}/v1/calls/some-value")[0] == 404
