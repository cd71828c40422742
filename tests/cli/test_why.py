"""`stream-app why` as a user meets it, on the real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli.why import why
from stream_app.core.calls import CallState
from stream_app.core.identity import AliasState
from stream_app.core.orders import Conflict
from stream_app.dev.state import Endpoints
from tests import evidence, remembered
from tests.deployments import Deployment, clean_environment, deployment, run

TOPICS = ("packets", "stream-app-identity-identity-changelog", "stream-app-join-join-changelog")


@pytest.fixture(scope="module")
def line(stack: Endpoints) -> Iterator[Deployment]:
    """A call that waits for its evaluation, with a conflict and an alias of which two values are known."""
    with deployment(stack, topics=TOPICS) as made:
        call = evidence.call(aliases={"twilioCallSid": "CA1", "livekitEgress": "EG_2"})
        tool = evidence.tool(
            "tool", status="failed", aliases={"livekitEgress": "EG_1"}, arguments={"secret": "x"}, result={"dose": 5}
        )
        conflict = Conflict(event_id="tool", digests=(tool.digest, "f" * 64), positions=(tool.position,))
        parked = remembered.accepted(evidence.artifact("recording"))
        made.send(
            remembered.call_row(
                made, CallState(call_id="call-1", items=evidence.pieces(call, tool), conflicts=(conflict,), version=1)
            ),
            remembered.clock_row(made, evidence.START_MS),
            remembered.alias_row(
                made, AliasState(alias="twilioCallSid:CA1", canonical_call_id="call-1", said_by="twilio")
            ),
            remembered.alias_row(made, AliasState(alias="livekitRoom:waits", parked=(parked,))),
            remembered.packet_record(remembered.packet("call-1/1", status="blocked")),
        )
        yield made


@pytest.mark.parametrize("name", ["call-1", "twilioCallSid:CA1", "CA1"])
def test_a_call_in_words_by_any_of_its_names(line: Deployment, name: str) -> None:
    shown = line.run("why", "--offline", name)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "call      call-1: version 1 was ordered"
    assert "alias     twilioCallSid:CA1 (said by test, twilio)" in lines
    for number in (1, 2):  # Every name it goes by, not one of each scheme.
        assert f"alias     livekitEgress:EG_{number} (said by test), not in identity's memory" in lines
    assert any(one.startswith("reasons   failed_tool_call, ") and one.endswith(" reviews it") for one in lines)
    assert shown.stderr == "(read from the changelogs)\n"
    assert "seen      call       call from test at call-ended/0/0" in lines
    assert "missing   evaluation never_seen, expected from evaluation-completed, required by every packet" in lines
    assert "conflict  tool: one event ID, different contents" in lines
    assert any(one.startswith("ended     2026-06-03T18:40:00.000Z, deadline 2026-06-03T18:") for one in lines)
    assert lines[-1].startswith("packet    call-1/1 blocked s3://")


def test_json_holds_the_same_and_no_value_of_the_evidence(line: Deployment) -> None:
    shown = line.run("why", "--offline", "CA1", "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["canonicalCallId"] == "call-1"
    assert found["furtherAliases"] == {"livekitEgress": ["EG_2"]}
    assert found["conflicts"] == ["tool"]
    for text in (shown.stdout, line.run("why", "--offline", "CA1").stdout):
        for value in ("secret", "dose", "lookup", "Summary", "Sha256"):
            assert value not in text, value


@pytest.mark.parametrize("name", ["waits", "livekitRoom:waits"])
def test_an_alias_that_nothing_has_linked(line: Deployment, name: str) -> None:
    shown = line.run("why", "--offline", name)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        "call      (not known): an alias that nothing has linked to a call yet",
        "alias     livekitRoom:waits",
        "parked    artifact-ready recording-ready at artifact-ready/0/0",
    ]


@pytest.mark.parametrize("words", [("nobody",), ("nobody", "--json")])
def test_what_nobody_named_exits_1(line: Deployment, words: tuple[str, ...]) -> None:
    shown = line.run("why", "--offline", *words)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("nothing is known of nobody: ")


def test_before_the_topics_are_there_it_says_what_to_do(stack: Endpoints) -> None:
    with deployment(stack, topics=()) as bare:
        refused = bare.run("why", "--offline", "x")
    assert refused.returncode == 3
    assert "run `stream-app topics apply` first" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_it_explains_itself_and_wants_a_name() -> None:
    assert "canonical ID or any alias" in CliRunner().invoke(why, ["--help"]).output
    assert CliRunner().invoke(why, []).exit_code == 2


def test_where_no_worker_runs_it_says_how_to_ask_without_one(tmp_path: Path) -> None:
    refused = run(clean_environment(STREAM_APP_STATE_DIR=str(tmp_path)), "why", "x")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "--offline reads the changelogs" in refused.stderr
