"""`stream-app worker` and `stage` as an operator meets them: real processes on the real broker, started and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli.worker import stage, worker
from stream_app.dev.state import Endpoints
from stream_app.settings import STAGES
from tests.deployments import AWAY, ROOT, Deployment, clean_environment, deployment, run

READY_WITHIN_S = 60
STOPPED_WITHIN_S = 20


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with all its topics, as `topics apply` makes them."""
    state = tmp_path_factory.mktemp("state")
    with deployment(stack, topics=(), internal_partitions=1, input_partitions=1, state_dir=state) as made:
        applied = made.run("topics", "apply")
        assert applied.returncode == 0, applied.stderr
        yield made


def children_of(pid: int) -> dict[int, list[str]]:
    """The living children of a process, with their command lines."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            found[child] = words[:-1]
    return found


def wait_for(condition: Callable[[], bool], within_s: float) -> bool:
    """Whether the condition came true in time."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def ready(said: list[str]) -> set[str]:
    """The stages that have said they are ready."""
    return {words[1] for words in map(str.split, said) if words[:1] == ["ready"]}


@contextmanager
def started(line: Deployment, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`stream-app <words>` as a process, and the lines it has printed; killed at the end with whatever it began."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", *words],
        env=line.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    reading = threading.Thread(target=lambda stream: said.extend(map(str.strip, stream)), args=(process.stdout,))
    reading.start()
    children: dict[int, list[str]] = {}
    try:
        yield process, said
    finally:
        if process.poll() is None:
            children = children_of(process.pid)
        process.kill()
        process.wait()
        for child in children:
            subprocess.run(["kill", "-9", str(child)], check=False)
        reading.join(10)
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_runs_just_these_stages_until_it_is_stopped(line: Deployment, number: signal.Signals) -> None:
    with started(line, "worker", "--stages", "join, intake") as (process, said):
        assert wait_for(lambda: ready(said) == {"join", "intake"}, READY_WITHIN_S), said
        children = children_of(process.pid)
        assert sorted(words[-2:] for words in children.values()) == [["stage", "intake"], ["stage", "join"]]
        process.send_signal(number)
        assert process.wait(STOPPED_WITHIN_S) == 0
        left = [child for child in children if Path(f"/proc/{child}").exists()]
        assert left == [], "every stage ends with its worker"


def test_one_stage_alone_runs_without_a_supervisor(line: Deployment) -> None:
    with started(line, "stage", "identity") as (process, said):
        assert wait_for(lambda: ready(said) == {"identity"}, READY_WITHIN_S), said
        assert children_of(process.pid) == {}
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPPED_WITHIN_S) == 0


def test_missing_topics_are_named_with_what_to_do(stack: Endpoints) -> None:
    with deployment(stack, topics=()) as bare:
        refused = bare.run("worker")
    assert (refused.returncode, refused.stdout) == (3, "")
    *missing, last = refused.stderr.splitlines()
    assert last == "run `stream-app topics apply` to create what is missing"
    assert any(bare.settings.topic("evidence") in one and "does not exist" in one for one in missing)


def test_topics_that_have_drifted_keep_it_from_starting(line: Deployment) -> None:
    other_count = {**line.environment, "STREAM_APP_INTERNAL_PARTITIONS": "3"}
    refused = run(other_count, "worker")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert f"{line.settings.topic('evidence')}: has 1 partitions, should have 3" in refused.stderr


@pytest.mark.parametrize("stages", ["evidence", "join,seel", "", " , "])
def test_an_unknown_stage_is_a_usage_error_that_lists_the_known_ones(stages: str) -> None:
    refused = run(clean_environment(STREAM_APP_KAFKA_BOOTSTRAP=AWAY), "worker", "--stages", stages)
    assert refused.returncode == 2
    assert ", ".join(STAGES) in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("words", [("worker",), ("stage", "join"), ("topics", "check")], ids=" ".join)
def test_a_bad_setting_is_one_line_that_names_it(words: tuple[str, ...]) -> None:
    refused = run(clean_environment(STREAM_APP_INTERNAL_PARTITIONS="x"), *words)
    assert refused.returncode == 2, refused.stderr
    (said,) = refused.stderr.splitlines()
    assert said.startswith("STREAM_APP_INTERNAL_PARTITIONS: ")


def test_all_bad_settings_are_named_together() -> None:
    bad = {"STREAM_APP_DRAIN_S": "-1", "STREAM_APP_LOG_LEVEL": "LOUD"}
    refused = run(clean_environment(**bad), "worker")
    assert refused.returncode == 2
    assert [line.partition(":")[0] for line in refused.stderr.splitlines()] == list(bad)


def test_a_bad_policy_is_said_once_and_not_by_every_stage(line: Deployment, tmp_path: Path) -> None:
    bad = tmp_path / "policy.yaml"
    bad.write_text("version: 1\n", encoding="utf-8")
    refused = run({**line.environment, "STREAM_APP_POLICY_FILE": str(bad)}, "worker")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == "STREAM_APP_POLICY_FILE names this policy file"
    assert f"{bad}:1:" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_both_explain_themselves() -> None:
    shown = CliRunner().invoke(worker, ["--help"])
    assert shown.exit_code == 0
    assert "intake,identity,join,seal" in shown.output
    shown = CliRunner().invoke(stage, ["--help"])
    assert shown.exit_code == 0
    assert "intake|identity|join|seal" in shown.output
