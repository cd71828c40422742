"""The S3 server's flags: loopback only, no port left to chance, keys that stay in their rooms."""

from __future__ import annotations

import json
from pathlib import Path

from stream_app.dev import store
from stream_app.dev.parts import BUCKETS, IDENTITIES, STORE_FLAGS
from stream_app.dev.state import Credentials

_PORTS = {name: 20_000 + number for number, name in enumerate(store.PORT_NAMES)}
_KEYS = {identity.name: Credentials(f"key-{identity.name}", f"secret-{identity.name}") for identity in IDENTITIES}


def _flags(root: Path) -> dict[str, str]:
    command = store.start_command(root, _PORTS)
    return dict(word[1:].split("=", 1) for word in command[command.index("mini") + 1 :])


def test_every_row_of_the_table_is_a_flag(tmp_path: Path) -> None:
    flags = _flags(tmp_path)
    assert dict(STORE_FLAGS).items() <= flags.items()
    assert flags["bucket"] == ",".join(BUCKETS)
    assert flags["ip"] == flags["ip.bind"] == "127.0.0.1"
    assert flags["master.telemetry"] == "false"


def test_every_port_has_its_flag(tmp_path: Path) -> None:
    flags = _flags(tmp_path)
    assert flags["s3.port"] == str(_PORTS["s3"])
    assert flags["s3.port.grpc"] == str(_PORTS["s3.grpc"])
    assert {str(port) for port in _PORTS.values()} <= set(flags.values())


def test_each_identity_has_its_keys_and_no_more_than_its_actions(tmp_path: Path) -> None:
    store.configure(tmp_path, _KEYS)
    path = tmp_path / "s3.json"
    assert path.stat().st_mode & 0o077 == 0
    found = {one["name"]: one for one in json.loads(path.read_text())["identities"]}
    assert set(found) == {identity.name for identity in IDENTITIES}
    assert found["reviewer"]["credentials"] == [{"accessKey": "key-reviewer", "secretKey": "secret-reviewer"}]
    assert not any(action.startswith("Write") for action in found["reviewer"]["actions"])
    for name in ("provider", "sealer", "reviewer"):
        assert all(":" in action for action in found[name]["actions"]), "an action without a bucket means all buckets"


def test_flags_of_an_earlier_start_do_not_live_on(tmp_path: Path) -> None:
    store.configure(tmp_path, _KEYS)
    (tmp_path / "data" / "mini.options").write_text("webdav=true\n")
    store.configure(tmp_path, _KEYS)
    assert not (tmp_path / "data" / "mini.options").exists()
