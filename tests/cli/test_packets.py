"""`stream-app packets tail` as a user meets it, on the real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from stream_app.cli.packets import packets
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.topics import PACKETS
from tests import remembered
from tests.deployments import ROOT, Deployment, deployment

GAP = {"kind": "evaluation", "reason": "never_seen"}
MADE = (
    remembered.packet("call-1/1"),
    remembered.packet("call-2/1", status="incomplete", missing=[GAP], selectionReason="customer_reported"),
    remembered.packet("call-1/2", selectionReason="customer_reported"),
)


@pytest.fixture(scope="module")
def line(stack: Endpoints) -> Iterator[Deployment]:
    """Three packets, and two records that are none, in one partition."""
    with deployment(stack, topics=(PACKETS.name,), internal_partitions=1) as made:
        made.send(Outgoing(PACKETS.name, b"k", None), Outgoing(PACKETS.name, b"k", b"{not a packet"))
        made.send(*(remembered.packet_record(one) for one in MADE))
        yield made


def tail(line: Deployment, *words: str) -> list[str]:
    shown = line.run("packets", "tail", *words)
    assert shown.returncode == 0, shown.stderr
    assert "Traceback" not in shown.stderr
    return shown.stdout.splitlines()


def test_it_shows_what_there_is_in_order_and_ends(line: Deployment) -> None:
    shown = tail(line, "--from-beginning")
    assert [one.split()[1:4] for one in shown] == [
        ["complete", "call-1/1", "failed_tool_call"],
        ["incomplete", "call-2/1", "customer_reported"],
        ["complete", "call-1/2", "customer_reported"],
    ]
    assert "missing evaluation (never_seen)" in shown[1]
    assert "missing" not in shown[0]
    assert all(one.endswith("/manifest.json") for one in shown)
    assert tail(line, "--from-beginning", "-n", "2") == shown[:2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--status", "incomplete"), ["call-2/1"]),
        (("--reason", "customer_reported"), ["call-2/1", "call-1/2"]),
        (("--reason", "customer_reported", "--status", "complete"), ["call-1/2"]),
        (("--reason", "customer_reported", "-n", "1"), ["call-2/1"]),
        (("--status", "blocked"), []),
    ],
)
def test_filters(line: Deployment, words: tuple[str, ...], expected: list[str]) -> None:
    assert [one.split()[2] for one in tail(line, "--from-beginning", *words)] == expected


def test_json_is_each_packet_whole(line: Deployment) -> None:
    shown = [json.loads(one) for one in tail(line, "--from-beginning", "--json")]
    assert shown == [one.to_dict() for one in MADE]


def test_what_is_no_packet_is_named_and_passed_over(line: Deployment) -> None:
    shown = line.run("packets", "tail", "--from-beginning")
    assert shown.stderr.splitlines() == [
        "packets/0/0: not a packet; passed over",
        "packets/0/1: not a packet; passed over",
    ]


def test_it_follows_from_now_on_until_interrupted(line: Deployment) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "packets", "tail"],
        env=line.environment | {"PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen: list[str] = []
    reading = threading.Thread(target=lambda stream: seen.extend(stream), args=(process.stdout,))
    reading.start()
    sent = 0
    try:
        until = time.monotonic() + 30
        while not seen and time.monotonic() < until:  # When it has begun to listen, nobody can know from outside.
            sent += 1
            line.send(remembered.packet_record(remembered.packet(f"call-new/{sent}")))
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        code = process.wait(15)
    finally:
        process.kill()
        process.wait()
        reading.join()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    process.stdout.close()
    assert seen
    assert all(" call-new/" in one for one in seen), "nothing from before it began"
    assert code == 130
    assert said.strip() == "interrupted"


@pytest.mark.parametrize("words", [("--status", "good"), ("--reason", "because"), ("-n", "0")])
def test_wrong_words_are_usage_errors_that_list_the_right_ones(words: tuple[str, str]) -> None:
    refused = CliRunner().invoke(packets, ["tail", *words])
    assert refused.exit_code == 2
    assert words[0] in refused.output


def test_it_explains_itself() -> None:
    shown = CliRunner().invoke(packets, ["tail", "--help"])
    assert shown.exit_code == 0
    assert "--from-beginning" in shown.output


def test_without_its_topic_it_says_what_to_do(stack: Endpoints) -> None:
    with deployment(stack, topics=()) as bare:
        refused = bare.run("packets", "tail")
    assert refused.returncode == 3
    assert "run `stream-app topics apply` first" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
