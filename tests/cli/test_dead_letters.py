"""`stream-app dead-letters`: what could not be used is listed without its content, shown with the key, sent again."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Iterator

import pytest

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from tests import stories
from tests.deployments import AWAY, clean_environment, run
from tests.scenarios.live import Line

SECRET = "Amara Bergstrom"
GOOD = stories.tool("mended", call="call-1", arguments={"customer_name": SECRET})
BAD = write_json({**GOOD, "schemaVersion": 2})


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(stack, tmp_path_factory.mktemp("letters"))
    live.create()
    try:
        live.start(("intake",))
        live.publish([Outgoing("tool-call", SECRET.encode(), BAD, (("who", SECRET.encode()),))])
        live.wait("dead-letters", lambda seen: len(seen) == 1)
        yield live
    finally:
        live.end()


def letters(line: Line, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run(clean_environment(**{**line.environment, **more}), "dead-letters", *words)


def test_a_letter_is_listed_without_what_it_holds(line: Line) -> None:
    (shown,) = [json.loads(one) for one in letters(line, "list", "--json").stdout.splitlines()]
    assert shown["reason"] == "unknown_schema_version"
    assert shown["bodySizeBytes"] == len(BAD)
    assert not {"key", "headers", "body", "concealed"} & shown.keys()
    assert "unknown_schema_version" in letters(line, "list").stdout
    assert letters(line, "list", "--reason", "late").stdout == ""


def test_its_original_is_concealed_and_the_key_opens_it(line: Line) -> None:
    (lying,) = line.read("dead-letters")
    assert lying["body"] is lying["key"] is None
    assert lying["concealed"]
    (listed,) = [json.loads(one) for one in letters(line, "list", "--json").stdout.splitlines()]
    position = "{topic}/{partition}/{offset}".format(**listed["position"])
    opened = json.loads(letters(line, "show", position).stdout)
    assert b64decode(opened["body"]) == BAD
    assert b64decode(opened["key"]) == b64decode(opened["headers"][0][1]) == SECRET.encode()
    without = letters(line, "show", position, STREAM_APP_MASTER_KEY_FILE="")
    assert without.returncode == 2
    assert SECRET not in without.stderr


def test_an_original_is_sent_again_to_where_it_came_from(line: Line) -> None:
    (listed,) = [json.loads(one) for one in letters(line, "list", "--json").stdout.splitlines()]
    position = "{topic}/{partition}/{offset}".format(**listed["position"])
    sent = letters(line, "replay", position)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.startswith("sent again as tool-call/")
    line.wait("dead-letters", lambda seen: len(seen) == 2)  # It still is what it was.


def test_what_is_not_there_is_said(line: Line) -> None:
    result = letters(line, "show", "tool-call/0/999")
    assert (result.returncode, "dead-letters list" in result.stderr) == (1, True)


@pytest.mark.parametrize("words", [("list",), ("show", "a/0/0"), ("replay", "a/0/0")])
def test_a_broker_that_is_away_is_said(words: tuple[str, ...]) -> None:
    result = run(clean_environment(STREAM_APP_KAFKA_BOOTSTRAP=AWAY), "dead-letters", *words)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
