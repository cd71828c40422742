"""What `.dev/` remembers survives, stays private, and never stands in the way."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stream_app.dev.errors import StackBusyError
from stream_app.dev.parts import IDENTITIES, WORKER_IDENTITY
from stream_app.dev.processes import Process
from stream_app.dev.state import PartState, StateDirectory

_PARTS = {"kafka": PartState({"broker": 20001}, Process(7, "then")), "s3": PartState({"s3": 20002})}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    assert directory.load() == {}
    directory.save(_PARTS)
    assert StateDirectory(tmp_path).load() == _PARTS


@pytest.mark.parametrize("content", ["", "{", "[]", '{"parts": {"kafka": 1}}', '{"parts": {"kafka": {"ports": {}}}}'])
def test_a_broken_file_is_set_aside(content: str, tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    directory.file.write_text(content)
    assert directory.load() == {}
    assert (tmp_path / "state.json.broken").read_text() == content
    assert not directory.file.exists()


def test_the_lock_has_one_holder_and_names_it(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "not yet there")
    with directory.locked(), pytest.raises(StackBusyError, match=r"pid \d+.* wait until"):  # noqa: SIM117
        with StateDirectory(directory.root).locked():
            pass
    with directory.locked():
        pass


def test_whoever_has_patience_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        held, go = threading.Event(), threading.Event()

        def hold() -> None:
            with StateDirectory(tmp_path).locked():
                held.set()
                go.wait(30)

        other = pool.submit(hold)
        assert held.wait(30)
        with pytest.raises(StackBusyError), directory.locked(patience_s=0.2):
            pass
        threading.Timer(0.3, go.set).start()
        with directory.locked(patience_s=30):
            other.result(timeout=30)


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    keys = StateDirectory(tmp_path).keys()
    assert set(keys) == {identity.name for identity in IDENTITIES}
    assert len({pair.secret_key for pair in keys.values()}) == len(IDENTITIES)
    assert StateDirectory(tmp_path).keys() == keys
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0
    assert keys["admin"].secret_key not in repr(keys), "a secret must not reach a log by accident"


def test_an_identity_of_a_later_release_gets_keys_and_the_others_keep_theirs(tmp_path: Path) -> None:
    keys = StateDirectory(tmp_path).keys()
    path = tmp_path / "keys.json"
    older = {name: pair for name, pair in json.loads(path.read_text()).items() if name != "restricted"}
    path.write_text(json.dumps(older))
    again = StateDirectory(tmp_path).keys()
    assert set(again) == set(keys)
    assert {name: again[name] for name in older} == {name: keys[name] for name in older}


def test_env_gives_the_workers_keys_as_settings(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    endpoints = directory.endpoints(_PARTS)
    directory.write_env(endpoints)
    lines = endpoints.env_file.read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert settings == {
        "STREAM_APP_KAFKA_BOOTSTRAP": "127.0.0.1:20001",
        "STREAM_APP_S3_ENDPOINT": "http://127.0.0.1:20002",
        "STREAM_APP_S3_ACCESS_KEY": endpoints.credentials[WORKER_IDENTITY].access_key,
        "STREAM_APP_S3_SECRET_KEY": endpoints.credentials[WORKER_IDENTITY].secret_key,
        "STREAM_APP_SIGNING_KEY_FILE": str(tmp_path / "signing.pem"),
        "STREAM_APP_MASTER_KEY_FILE": str(tmp_path / "master.key"),
    }
    assert endpoints.env_file.stat().st_mode & 0o077 == 0


def test_endpoints_of_a_part_that_never_started_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        StateDirectory(tmp_path).endpoints({"kafka": _PARTS["kafka"]})
