"""`stream-app select explain`: from a running worker and from the changelogs, in words and as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from stream_app.cli.select import lines_of
from stream_app.dev.state import Endpoints
from tests import stories
from tests.deployments import clean_environment, run
from tests.scenarios.live import Line
from tests.scenarios.scene import records


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(stack, tmp_path_factory.mktemp("select"))
    live.create()
    try:
        live.start(("intake", "identity", "join"))
        live.publish(
            records(
                [
                    stories.call_ended("bad-ended", call="bad", aliases={"twilioCallSid": "CA-bad"}),
                    stories.tool("bad-tool", call="bad", status="failed"),
                    stories.call_ended("good-ended", call="good"),
                ]
            )
        )
        live.wait("evidence", lambda seen: sum(one["record"] == "event" for one in seen) == 3)
        yield live
    finally:
        live.end()


def explain(line: Line, *words: str) -> subprocess.CompletedProcess[str]:
    return run(clean_environment(**line.environment), "select", "explain", *words)


@pytest.mark.parametrize("way", [(), ("--offline",)])
def test_a_selected_call_says_why(line: Line, way: tuple[str, ...]) -> None:
    told = explain(line, "twilioCallSid:CA-bad", "--json", *way)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert [one["reason"] for one in found["selection"] if one["chosen"]] == ["failed_tool_call"]
    words = explain(line, "bad", *way).stdout
    assert "chosen  failed_tool_call (highest, engineering)" in words
    assert "sample of" in words


def test_a_call_that_is_not_selected_says_why_not(line: Line) -> None:
    told = explain(line, "good")
    assert told.returncode == 4, told.stderr
    assert "no      failed_tool_call" in told.stdout
    assert "chosen" not in told.stdout


def test_a_name_that_nobody_knows_is_exit_1(line: Line) -> None:
    assert explain(line, "nobody").returncode == 1


def test_every_kind_of_line_can_be_told() -> None:
    test = {"fact": "channels", "operator": "above", "operand": 0, "known": True, "value": 2, "holds": True}
    one = {
        "reason": "r", "holds": True, "chosen": False, "priority": "low", "owner": "qa", "joinedBy": "all",
        "tests": [
            test, {**test, "operator": "in", "operand": ["a", "b"], "known": False, "value": None, "holds": False},
            {**test, "operator": "present", "operand": True, "value": None},
        ],
        "askedForBy": ["manual"], "couldBeAskedForBy": ["manual"],
        "sample": {"inPopulation": True, "stratum": {"queue": None}, "rate": 0.1, "draw": 0.05},
    }  # fmt: skip
    text = "\n".join(lines_of(one))
    for told in (
        "asked for by manual",
        "channels > 0: 2",
        "channels in a, b: not known",
        "is there: known",
        "rate 0.1",
    ):
        assert told in text
    assert "in no stratum" in "\n".join(lines_of({**one, "sample": {"inPopulation": False}}))
