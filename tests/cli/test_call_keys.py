"""`stream-app keys master|destroy|rewrap`, on the real store, and what a sealer then reads."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli.call_keys import names_of
from stream_app.cli.keys import keys
from stream_app.core.calls import CallState
from stream_app.dev.state import Endpoints
from tests import stories
from tests.deployments import clean_environment, run
from tests.scenarios.live import Line
from tests.scenarios.scene import records

PHONE = "+1 500 555 0142"


def test_a_master_key_is_made_for_its_owner_alone_and_the_newest_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    for count in (1, 2):
        assert CliRunner().invoke(keys, ["master", str(file)]).exit_code == 0
        lines = file.read_text().splitlines()
        assert len(lines) == len(set(lines)) == count
        assert all(len(b64decode(line)) == 32 for line in lines)
    assert lines[1:] == file.read_text().splitlines()[1:]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(keys, ["master", str(tmp_path / "nowhere" / "master.key")])
    assert result.exit_code == 3
    assert "No such file" in result.output


def test_without_a_master_key_there_is_nothing_to_rewrap() -> None:
    result = run(clean_environment(), "keys", "rewrap")
    assert (result.returncode, "STREAM_APP_MASTER_KEY_FILE" in result.stderr) == (2, True)


def test_names_that_no_call_bears_are_taken_as_given() -> None:
    assert names_of({"c": CallState("c")}, ("other", "c")) == ["other", "c"]


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(stack, tmp_path_factory.mktemp("keys"), STREAM_APP_REDACTION="rules")
    live.environment["STREAM_APP_KEY_BUCKET"] = "call-keys/" + live.settings.topic_prefix.rstrip(".")
    live.create()
    try:
        live.start()
        yield live
    finally:
        live.end()


def command(line: Line, *words: str) -> subprocess.CompletedProcess[str]:
    eraser = line.stack.credentials["eraser"]
    keys_of_eraser = {"STREAM_APP_S3_ACCESS_KEY": eraser.access_key, "STREAM_APP_S3_SECRET_KEY": eraser.secret_key}
    return run(clean_environment(**{**line.environment, **keys_of_eraser}), "keys", *words)


def test_what_a_destroyed_call_conceals_is_not_read_again_and_others_are(line: Line) -> None:
    text = f"Agent read back {PHONE}."
    for call in ("gone", "kept"):
        uri = f"s3://provider-drop/Redacted/{call}-{os.getpid()}.json"
        line.put(
            uri, json.dumps({"turns": [{"speaker": "user", "text": text, "startMs": 0}]}).encode(), "application/json"
        )
        reference = {"uri": uri, "mediaType": "application/json", "redactionState": "unredacted"}
        line.publish(
            records(
                [
                    stories.call_ended(
                        f"{call}-ended", call=call, aliases={"twilioCallSid": f"CA-{call}"},
                        transcript=reference, recording=None, channels=0, expectedToolCalls=1,
                    ),
                    stories.tool(f"{call}-tool", call=call, status="failed", arguments={"phone": PHONE}),
                ]
            )
        )  # fmt: skip
    line.wait("evidence", lambda seen: sum("concealed" in one.get("event", {}) for one in seen) == 2)
    done = command(line, "destroy", "twilioCallSid:CA-gone", "--json")
    assert done.returncode == 0, done.stderr
    assert "gone" in json.loads(done.stdout)["names"]
    assert "kept" not in done.stdout
    rewrapped = command(line, "rewrap")
    assert rewrapped.returncode == 0, rewrapped.stderr
    for call in ("gone", "kept"):
        rest = [
            stories.evaluation(f"{call}-judged", call=call, failed=True),
            stories.trace(f"{call}-traced", call=call, traceId=call.encode().hex().ljust(32, "0")),
        ]
        line.publish(records(rest))
    packets = {one["canonicalCallId"]: one for one in line.wait("packets", lambda seen: len(seen) >= 2)}
    (missing,) = [one for one in packets["gone"]["missing"] if one["kind"] == "transcript"]
    assert "destroyed" in missing["detail"]
    assert packets["gone"]["status"] == "incomplete"
    assert packets["kept"]["status"] == "complete"
    assert packets["kept"]["redactedTranscriptUri"]


def test_where_no_keys_are_nothing_is_destroyed(line: Line) -> None:
    empty = clean_environment(**{**line.environment, "STREAM_APP_KEY_BUCKET": "call-keys/empty"})
    result = run(empty, "keys", "destroy", "nobody")
    assert result.returncode == 1, result.stderr
