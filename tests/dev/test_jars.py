"""Jars come whole and as locked, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stream_app.dev import jars
from stream_app.dev.errors import DownloadError
from stream_app.dev.parts import KAFKA_VERSION
from stream_app.dev.ports import choose

_BYTES = b"a small jar"
_PATH = Path("org/example/thing/1.0/thing-1.0.jar")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The test's output is no place for it."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on loopback with one jar."""
    root = tmp_path / "repository"
    (root / _PATH).parent.mkdir(parents=True)
    (root / _PATH).write_bytes(_BYTES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STREAM_APP_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
    yield root
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text(f"# a comment\norg.example:thing:1.0 sha256:{sha256(_BYTES).hexdigest()}\n")
    return path


def test_a_jar_is_fetched_once(repository: Path, lock: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    (path,) = jars.class_path(tmp_path / "cache", lambda done, total: seen.append((done, total)), lock)
    assert path.read_bytes() == _BYTES
    assert seen == [(1, 1)]
    (repository / _PATH).unlink()
    assert jars.class_path(tmp_path / "cache", lock=lock) == [path]
    assert not list((tmp_path / "cache" / "maven").glob(".incoming-*"))


@pytest.mark.usefixtures("repository")
def test_a_cached_jar_that_was_changed_is_fetched_anew(lock: Path, tmp_path: Path) -> None:
    (path,) = jars.class_path(tmp_path / "cache", lock=lock)
    path.write_bytes(b"half a")
    assert jars.class_path(tmp_path / "cache", lock=lock) == [path]
    assert path.read_bytes() == _BYTES


def test_other_bytes_than_locked_never_reach_the_cache(repository: Path, lock: Path, tmp_path: Path) -> None:
    (repository / _PATH).write_bytes(b"forged")
    with pytest.raises(DownloadError, match=r"thing-1.0.jar .* is not the file that kafka.lock names"):
        jars.class_path(tmp_path / "cache", lock=lock)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_no_network_says_what_to_do(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = choose(["nobody"])["nobody"]
    monkeypatch.setenv("STREAM_APP_MAVEN_REPOSITORY", f"http://127.0.0.1:{closed}")
    with pytest.raises(DownloadError, match=r"cannot fetch thing-1.0.jar .*check connection and proxy"):
        jars.class_path(tmp_path / "cache", lock=lock)


@pytest.mark.parametrize("line", ["org.example:thing sha256:" + "0" * 64, "org.example:thing:1.0", "a:b:c sha256:12"])
def test_a_broken_lock_names_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    path.write_text(f"# a comment\n{line}\n")
    with pytest.raises(DownloadError, match="line 2"):
        jars.locked_jars(path)


def test_the_committed_lock_is_of_the_version_in_the_table() -> None:
    found = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in jars.locked_jars()}
    assert set(jars.ROOTS) <= found
    assert f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}" in found
    assert len(found) == len({name.rpartition(":")[0] for name in found}), "one version of each artifact"


def test_the_cache_directory_can_be_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAM_APP_CACHE_DIR", str(tmp_path))
    assert jars.cache_directory() == tmp_path
    monkeypatch.delenv("STREAM_APP_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache_directory() == tmp_path / "call-evidence-stream"
