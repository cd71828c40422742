"""`stream-app topics` as a user meets it, on the real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli.topics import topics
from stream_app.core.wire import read_json
from stream_app.dev.state import Endpoints
from stream_app.runtime.admin import TABLES
from stream_app.topics import TOPICS
from tests.deployments import Deployment, deployment, run


@pytest.fixture
def empty(stack: Endpoints) -> Iterator[Deployment]:
    with deployment(stack, topics=()) as made:
        yield made


def activations(line: Deployment) -> int:
    records = line.read("evidence")
    return sum(read_json(record.value or b"")["record"] == "policy-activated" for record in records)


def test_check_apply_and_apply_again(empty: Deployment) -> None:
    missing = empty.run("topics", "check")
    assert missing.returncode == 1
    lines = missing.stdout.splitlines()
    assert len(lines) == len(TOPICS) + len(TABLES)
    assert all(line.startswith("missing ") and "`stream-app topics apply` creates it" in line for line in lines)

    first = empty.run("topics", "apply")
    assert first.returncode == 0, first.stderr
    *created, note = first.stdout.splitlines()
    assert all(line.startswith("created ") for line in created)
    assert note.endswith("activated in 2 of 2 partitions")
    assert activations(empty) == 2

    again = empty.run("topics", "apply", "--json")
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout)
    assert {(one["state"], one["partitions"], tuple(one["problems"])) for one in answer["topics"]} == {("ok", 2, ())}
    assert answer["note"].endswith("activated in 0 of 2 partitions")
    assert activations(empty) == 2
    assert empty.run("topics", "check").returncode == 0


@pytest.mark.parametrize("partitions", [1, 3])
def test_drift_exits_1_and_nothing_is_changed(empty: Deployment, partitions: int) -> None:
    empty.create("evidence", partitions)
    applied = empty.run("topics", "apply", "--json")
    assert applied.returncode == 1, applied.stderr
    answer = json.loads(applied.stdout)
    (evidence,) = [one for one in answer["topics"] if one["name"].endswith("-evidence")]
    assert (evidence["state"], evidence["partitions"]) == ("drift", partitions)
    assert f"has {partitions} partitions, should have 2" in evidence["problems"][0]
    assert "not activated" in answer["note"]
    assert empty.topics()[empty.settings.topic("evidence")] == partitions
    assert empty.read("evidence") == [], "no policy goes into a topic that is not what it should be"
    checked = empty.run("topics", "check")
    assert checked.returncode == 1
    assert f"drift    {empty.settings.topic('evidence')} (internal, {partitions} partitions) (has" in checked.stdout


def test_what_the_broker_refuses_is_one_line(empty: Deployment) -> None:
    refused = run(empty.environment | {"STREAM_APP_REPLICATION_FACTOR": "3"}, "topics", "apply")
    assert refused.returncode == 3
    assert "could not be created" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert empty.topics() == {}


def test_a_bad_policy_is_explained_before_anything_is_created(empty: Deployment, tmp_path: Path) -> None:
    bad = tmp_path / "policy.yaml"
    bad.write_text("version: [", encoding="utf-8")
    for path, said in ((bad, "policy.yaml:1:"), (tmp_path / "none.yaml", "none.yaml")):
        refused = run(empty.environment | {"STREAM_APP_POLICY_FILE": str(path)}, "topics", "apply")
        assert refused.returncode == 2, refused.stderr
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    assert empty.topics() == {}


@pytest.mark.parametrize("command", ["apply", "check"])
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(topics, [command, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.output
