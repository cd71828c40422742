"""The `alerts` commands as a user meets them, on the real broker and a real HTTP receiver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli.alerts import alerts
from stream_app.core.orders import JoinAlert
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.topics import JOIN_ALERTS
from tests.deployments import deployment

CONTRACT = {
    "schemaVersion": 1,
    "alertId": "call_7f3b/stuck/1",
    "kind": "stuck",
    "state": "firing",
    "raisedAt": "2026-06-03T18:43:31.120Z",
    "canonicalCallId": "call_7f3b",
    "missing": [{"kind": "evaluation", "expectedFrom": "evaluation-completed", "lastSeen": None}],
    "since": "2026-06-03T18:42:31.120Z",
    "deadlineAt": "2026-06-03T18:57:31.120Z",
    "runbookUrl": "docs/runbooks/stuck-join.md",
    "detail": None,
}
STUCK = JoinAlert.from_dict(CONTRACT)
RESOLVED = STUCK.model_copy(update={"state": "resolved", "missing": ()})
ORPHAN = STUCK.model_copy(update={"kind": "orphan", "canonical_call_id": "call_9", "alert_id": "call_9/orphan/1"})


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server that answers with these, then 200; its address and the bodies it got."""
    answers, bodies = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        """One alert a request."""

        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def environment(stack: Endpoints) -> Iterator[dict[str, str]]:
    """A deployment of its own, with three alerts and one record that is none on its `join-alerts`."""
    stuck = json.dumps(CONTRACT, indent=2).encode()
    values = [stuck, b"{not an alert", ORPHAN.to_bytes(), RESOLVED.to_bytes()]
    with deployment(stack, topics=(JOIN_ALERTS.name,)) as made:
        made.send(*(Outgoing(JOIN_ALERTS.name, b"k", value, partition=1) for value in values))
        yield made.environment


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stream_app", "alerts", *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )


def test_tail_shows_them_in_order(environment: dict[str, str]) -> None:
    shown = run(environment, "tail")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["firing", "stuck", "call_7f3b"],
        ["firing", "orphan", "call_9"],
        ["resolved", "stuck", "call_7f3b"],
    ]
    assert "waits for evaluation from evaluation-completed" in lines[0]
    assert "join-alerts/1/1: not a join alert; passed over" in shown.stderr
    assert run(environment, "tail", "-n", "1").stdout.splitlines() == lines[-1:]
    filtered = run(environment, "tail", "--kind", "stuck", "--state", "firing", "--json")
    assert [json.loads(line) for line in filtered.stdout.splitlines()] == [CONTRACT]
    none = run(environment, "tail", "--kind", "source_silent")
    assert (none.returncode, none.stdout) == (0, "")
    assert "No such alert" in none.stderr


def test_forward_goes_on_where_it_stood(environment: dict[str, str]) -> None:
    with receiver() as (url, bodies):
        first = run(environment, "forward", "--to", url, "--shape", "alertmanager", "--once")
        assert (first.returncode, first.stderr.splitlines()[-1]) == (0, "Forwarded 3 alerts.")
        again = run(environment, "forward", "--to", url, "--shape", "alertmanager", "--once")
        assert (again.returncode, again.stderr) == (0, "Forwarded 0 alerts.\n")
    assert [body[0]["labels"]["kind"] for body in bodies] == ["stuck", "orphan", "stuck"]
    assert bodies[2][0]["endsAt"] == CONTRACT["raisedAt"]


def test_an_alert_is_kept_while_the_receiver_is_away_or_wrong(environment: dict[str, str]) -> None:
    with receiver(500, 404) as (url, bodies):
        words = ["forward", "--to", f"{url}/s3cret", "--shape", "slack", "--once"]
        away = run(environment, *words, "--give-up-after", "0")
        assert away.returncode == 3
        assert "Nothing was skipped" in away.stderr
        wrong = run(environment, *words)
        assert wrong.returncode == 4
        assert "check the address" in wrong.stderr
        assert "s3cret" not in away.stderr + wrong.stderr
        assert run(environment, *words).returncode == 0
    assert bodies[0] == bodies[1] == bodies[2], "the same alert, until it was taken"
    assert len(bodies) == 5


def test_a_refused_alert_does_not_stop_those_behind_it(environment: dict[str, str]) -> None:
    with receiver(400) as (url, bodies):
        forwarded = run(environment, "forward", "--to", url, "--shape", "slack", "--once")
    assert forwarded.returncode == 1
    assert "join-alerts/1/0: 127.0.0.1 refuses this alert: HTTP 400; passed over" in forwarded.stderr
    assert "Forwarded 2 alerts; 1 were refused." in forwarded.stderr
    assert len(bodies) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_follows_until_it_is_stopped(environment: dict[str, str], number: signal.Signals, code: int) -> None:
    with receiver() as (url, bodies):
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_app", "alerts", "forward", "--shape", "slack"],
            env={**environment, "STREAM_APP_ALERTS_TO": url},
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        try:
            until = time.monotonic() + 30
            while len(bodies) < 3 and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(number)
            _, said = process.communicate(timeout=15)
        finally:
            process.kill()
            process.wait()
        assert len(bodies) == 3
        assert process.returncode == code, said
        assert "Traceback" not in said


@pytest.mark.parametrize("command", ["tail", "forward"])
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(alerts, [command, "--help"])
    assert shown.exit_code == 0
    assert "Exit codes:" in shown.output


def test_no_address_and_a_wrong_one_are_usage_errors() -> None:
    clean = {"STREAM_APP_ALERTS_TO": None}
    missing = CliRunner(env=clean).invoke(alerts, ["forward", "--shape", "slack"])
    wrong = CliRunner(env=clean).invoke(alerts, ["forward", "--shape", "slack", "--to", "hooks.example/x"])
    assert (missing.exit_code, wrong.exit_code) == (2, 2)
    assert "STREAM_APP_ALERTS_TO" in missing.output
    assert "begins with http://" in wrong.output


def test_a_broker_that_is_away_is_one_line() -> None:
    away = run({**os.environ, "STREAM_APP_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "tail")
    assert away.returncode == 3
    assert "127.0.0.1:1 does not answer" in away.stderr
    assert "Traceback" not in away.stderr
