"""Setting up a checkout: the index as pip finds it, only the pinned pip, nothing done twice, one message an error."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import bootstrap
from tools.bootstrap import SetupError

# Stands in for pip: notes how it was called, and "installs" itself so that `python -m pip` works afterwards.
_FAKE_PIP = """
import pathlib, sys
site = pathlib.Path([path for path in sys.path if path.endswith("site-packages")][0])
(site / "pip.py").write_text(pathlib.Path({log!r}).with_name("installed_pip.py").read_text())
pathlib.Path({log!r}).open("a").write("wheel " + " ".join(sys.argv[1:3]) + "\\n")
"""
_INSTALLED_PIP = """
import pathlib, sys
if "--version" not in sys.argv:
    pathlib.Path({log!r}).open("a").write("venv " + " ".join(sys.argv[1:]) + "\\n")
    script = pathlib.Path({log!r}).with_name("fail")
    if script.exists():
        sys.exit(script.read_text())
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The test's output is no place for it."""


class Index:
    """A package index on loopback with one stand-in for the pinned pip, and the log of what it was asked to do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.log.touch()
        (root / "installed_pip.py").write_text(_INSTALLED_PIP.format(log=str(self.log)))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as wheel:
            wheel.writestr("pip/__main__.py", _FAKE_PIP.format(log=str(self.log)))
        self.wheel = buffer.getvalue()
        page = root / "simple" / "pip"
        page.mkdir(parents=True)
        (page / "index.html").write_text(
            f'<a href="../../files/pip-1.0-py3-none-any.whl">old</a>'
            f'<a href="../../files/{bootstrap.PIP_WHEEL}#sha256=x">pinned</a>'
        )
        (root / "files").mkdir()
        (root / "files" / bootstrap.PIP_WHEEL).write_bytes(self.wheel)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    served = Index(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setattr(bootstrap, "PIP_SHA256", hashlib.sha256(served.wheel).hexdigest())
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "requirements.lock").write_text("click==8.3.3 \\\n    --hash=sha256:00\n")
    (root / "pyproject.toml").write_text("[project]\n")
    return root


def test_without_ensurepip_the_pinned_pip_sets_everything_up(index: Index, checkout: Path) -> None:
    assert bootstrap.set_up(checkout, without_ensurepip=True)
    by_wheel, packages, project = index.calls
    assert by_wheel == "wheel install --no-index"
    assert "--require-hashes -r" in packages
    assert packages.endswith("requirements.lock")
    assert "--no-deps --no-build-isolation -e" in project


def test_a_second_run_does_nothing_and_is_fast(index: Index, checkout: Path) -> None:
    bootstrap.set_up(checkout, without_ensurepip=True)
    calls = index.calls
    began = time.monotonic()
    assert not bootstrap.set_up(checkout)
    assert time.monotonic() - began < 1
    assert index.calls == calls


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_change_installs_again_in_the_same_environment(changed: str, index: Index, checkout: Path) -> None:
    bootstrap.set_up(checkout, without_ensurepip=True)
    (checkout / ".venv" / "mine").touch()
    (checkout / changed).write_text("# other\n")
    assert bootstrap.set_up(checkout)
    assert (checkout / ".venv" / "mine").exists()
    assert len(index.calls) == 5, "pip is there already: packages and project only"


def test_an_interrupted_run_is_taken_up_again(index: Index, checkout: Path) -> None:
    bootstrap.set_up(checkout, without_ensurepip=True)
    (checkout / ".venv" / ".bootstrap-stamp").unlink()
    assert bootstrap.set_up(checkout)
    assert len(index.calls) == 5


def test_an_environment_of_another_python_is_made_anew(index: Index, checkout: Path) -> None:
    bootstrap.set_up(checkout, without_ensurepip=True)
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\necho 3.9\n")
    python.chmod(0o755)
    assert bootstrap.set_up(checkout, force=True, without_ensurepip=True)
    assert subprocess.run([python, "-c", "print('runs')"], capture_output=True, check=True).stdout == b"runs\n"
    assert len(index.calls) == 6


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "no space left"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one requirements.lock"),
        ("WARNING: Retrying ... NewConnectionError('...')", "index cannot be reached"),
        ("ERROR: No matching distribution found for rocksdict", "no build for this Python"),
        ("something nobody has seen", "pip failed while installing the locked packages"),
    ],
)
def test_what_pip_says_becomes_one_message(said: str, expected: str, index: Index, checkout: Path) -> None:
    (index.root / "fail").write_text(said)
    with pytest.raises(SetupError, match=expected) as caught:
        bootstrap.set_up(checkout, without_ensurepip=True)
    assert said in str(caught.value), "and pip's own words stand below"
    assert not (checkout / ".venv" / ".bootstrap-stamp").exists()


def test_other_bytes_than_pinned_are_not_run(index: Index, checkout: Path) -> None:
    (index.root / "files" / bootstrap.PIP_WHEEL).write_bytes(index.wheel + b"x")
    with pytest.raises(SetupError, match=r"expected .* it was not used"):
        bootstrap.set_up(checkout, without_ensurepip=True)
    assert index.calls == []


def test_an_index_without_it_is_named(index: Index, tmp_path: Path) -> None:
    (index.root / "simple" / "pip" / "index.html").write_text("<a href='pip-1.0.whl'>old</a>")
    with pytest.raises(SetupError, match="does not offer"):
        bootstrap.fetch_pip(bootstrap.index_url(), tmp_path)


def test_no_network_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot reach the package index at 127.0.0.1"):
        bootstrap.fetch_pip("http://127.0.0.1:9/simple", tmp_path)


def test_no_disk_space_is_one_message(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MINIMUM_FREE_BYTES", 10**18)
    with pytest.raises(SetupError, match="MB free in"):
        bootstrap.set_up(checkout)
    assert not (checkout / ".venv").exists()


def test_a_python_too_old_is_one_message() -> None:
    bootstrap.check_python((3, 11))
    with pytest.raises(SetupError, match=r"Python 3\.10 is too old, 3\.11 or newer"):
        bootstrap.check_python((3, 10))


def test_the_index_is_the_one_pip_would_use(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    configured = tmp_path / ".config" / "pip" / "pip.conf"
    configured.parent.mkdir(parents=True)
    configured.write_text("[global]\nindex-url = https://mirror.example/simple\n")
    assert bootstrap.index_url(environ) == "https://mirror.example/simple"
    told = tmp_path / "other.conf"
    told.write_text("[install]\nindex-url = https://second.example/simple\n")
    assert bootstrap.index_url(environ | {"PIP_CONFIG_FILE": str(told)}) == "https://second.example/simple"
    assert bootstrap.index_url(environ | {"PIP_INDEX_URL": "https://third.example"}) == "https://third.example"


def test_the_script_runs_alone_and_explains_itself(tmp_path: Path) -> None:
    """From a copy, without this project on the path: it may need nothing but the standard library."""
    copy = tmp_path / "tools" / "bootstrap.py"
    copy.parent.mkdir()
    shutil.copy(bootstrap.__file__, copy)
    command = [sys.executable, "-I", "-S", str(copy)]
    assert b"requirements.lock" in subprocess.run([*command, "--help"], capture_output=True, check=True).stdout
    assert subprocess.run([*command, "--nonsense"], capture_output=True, check=False).returncode == 2
