"""Where local tables lie: never two live processes in one place, and a restarted one in its own again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.runtime import state_dir
from stream_app.runtime.state_dir import StateDirError, take_slot

HOLD = """
import sys
from pathlib import Path
from stream_app.runtime.state_dir import take_slot
directory, lock = take_slot(Path(sys.argv[1]), "app-join")
print(directory, flush=True)
sys.stdin.readline()
"""


def holder(root: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds a slot until it dies or gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_two_processes_get_two_slots_and_a_killed_one_s_slot_is_used_again(tmp_path: Path) -> None:
    first, one = holder(tmp_path)
    second, two = holder(tmp_path)
    try:
        assert one == str(tmp_path / "app-join" / "slot-0")
        assert two == str(tmp_path / "app-join" / "slot-1")
        (Path(one) / "rows").write_text("kept")
        stop(first)  # kill -9: the lock must not outlive its process.
        third, again = holder(tmp_path)
        stop(third)
        assert again == one
        assert (Path(again) / "rows").read_text() == "kept"
    finally:
        stop(first)
        stop(second)


def test_within_one_process_too(tmp_path: Path) -> None:
    directory, lock = take_slot(tmp_path, "app-join")
    other, second = take_slot(tmp_path, "app-join")
    assert (directory.name, other.name) == ("slot-0", "slot-1")
    lock.close()
    again, third = take_slot(tmp_path, "app-join")
    assert again == directory
    second.close()
    third.close()


def test_stages_do_not_share_slots(tmp_path: Path) -> None:
    join, one = take_slot(tmp_path, "app-join")
    identity, two = take_slot(tmp_path, "app-identity")
    assert (join.parent.name, join.name) == ("app-join", "slot-0")
    assert (identity.parent.name, identity.name) == ("app-identity", "slot-0")
    one.close()
    two.close()


def test_a_root_that_cannot_be_used_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateDirError, match=r"file for local state .*set STREAM_APP_STATE_DIR"):
        take_slot(tmp_path / "file", "app-join")


def test_no_free_slot_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_dir, "MAX_SLOTS", 1)
    _, lock = take_slot(tmp_path, "app-join")
    with pytest.raises(StateDirError, match="are old workers still running"):
        take_slot(tmp_path, "app-join")
    lock.close()
