"""The only place for setting up a checkout: `.venv` with the locked packages and this project in it.

Standard library only. Works without Debian's python3-venv: a pip of a pinned version and digest is then fetched from
the package index. A second run with nothing changed does nothing, in well under a second.
"""

from __future__ import annotations

import argparse
import configparser
import fcntl
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM_PYTHON = (3, 11)
#: The environment takes about 0.5 GB, and as much again while packages are unpacked.
MINIMUM_FREE_BYTES = 1_500_000_000
PIP_WHEEL = "pip-25.3-py3-none-any.whl"
PIP_SHA256 = "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"
DEFAULT_INDEX = "https://pypi.org/simple"  # pip's own default

_NO_NETWORK = re.compile(
    r"Max retries exceeded|NewConnectionError|NameResolutionError|ReadTimeoutError|ProxyError|SSLError"
)
_CAUSES = (
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        "no space left on the device: free some, then run it again",
    ),
    (
        re.compile(r"DO NOT MATCH THE HASHES"),
        "a package is not the one requirements.lock names; nothing of it was installed",
    ),
    (
        _NO_NETWORK,
        "the package index cannot be reached: check the network and proxy, or name a mirror in PIP_INDEX_URL",
    ),
    (
        re.compile(r"No matching distribution|Could not find a version"),
        "a locked package has no build for this Python or platform",
    ),
)


class SetupError(Exception):
    """One message for a person: what is wrong and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ready · 2 usage · 3 the environment is in the way."""
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Set up .venv from requirements.lock.")
    parser.add_argument("--without-ensurepip", action="store_true", help="fetch pip as if this Python had none")
    parser.add_argument("--force", action="store_true", help="install again even if nothing has changed")
    options = parser.parse_args(arguments)
    try:
        check_python(sys.version_info[:2])
        with _alone(ROOT):
            set_up(ROOT, force=options.force, without_ensurepip=options.without_ensurepip)
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted; running it again goes on from here.", file=sys.stderr)
        return 130
    return 0


def check_python(version: tuple[int, ...]) -> None:
    """Raises SetupError below 3.11."""
    if version < MINIMUM_PYTHON:
        raise SetupError(
            f"Python {version[0]}.{version[1]} is too old, 3.11 or newer is needed; "
            "name one with `make PYTHON=python3.12 setup`"
        )


def set_up(root: Path, *, force: bool = False, without_ensurepip: bool = False) -> bool:
    """Bring `.venv` under `root` up to date. Returns False if there was nothing to do. Raises SetupError."""
    environment = root / ".venv"
    python, stamp = environment / "bin" / "python", environment / ".bootstrap-stamp"
    expected = fingerprint(root)
    if not force and python.exists() and stamp.exists() and stamp.read_text() == expected:
        return False
    _check_disk(root)
    stamp.unlink(missing_ok=True)
    if not _fits(python):
        _say("creating .venv")
        _create(environment, without_ensurepip or not _has_ensurepip())
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        _install_pip(python)
    lock = root / "requirements.lock"
    _run_pip(
        [*pip, "install", "--progress-bar=off", "--no-deps", "--require-hashes", "-r", str(lock)],
        "installing the locked packages",
        total=len(re.findall(r"(?m)^\S+==", lock.read_text())),
    )
    _run_pip(
        [*pip, "install", "--progress-bar=off", "--no-deps", "--no-build-isolation", "-e", str(root)],
        "installing this project",
    )
    stamp.write_text(expected)
    _say("ready: .venv/bin/stream-app --help", end=True)
    return True


def fingerprint(root: Path) -> str:
    """Changes with the lock, the project file, and the Python that runs this."""
    running = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        running.update(hashlib.sha256((root / name).read_bytes()).digest())
    running.update(sys.version.encode())
    return running.hexdigest()


def index_url(environ: dict[str, str] | None = None) -> str:
    """The package index as pip would choose it: PIP_INDEX_URL, else pip's configuration files, else PyPI."""
    return _pip_setting("index-url", os.environ if environ is None else environ) or DEFAULT_INDEX


def fetch_pip(index: str, into: Path, *, cert: str | None = None) -> Path:
    """Fetch the pinned pip wheel from a simple index. Raises SetupError: not there, unreachable, other bytes."""
    page_url = f"{index.rstrip('/')}/pip/"
    links = _Links()
    links.feed(_fetch(page_url, cert).decode(errors="replace"))
    found = next((link for link in links.found if urllib.parse.urlsplit(link).path.endswith("/" + PIP_WHEEL)), None)
    if found is None:
        raise SetupError(f"{index} does not offer {PIP_WHEEL}; name another index in PIP_INDEX_URL")
    content = _fetch(urllib.parse.urljoin(page_url, found).partition("#")[0], cert)
    digest = hashlib.sha256(content).hexdigest()
    if digest != PIP_SHA256:
        raise SetupError(f"{PIP_WHEEL} from {index} has sha256 {digest}, expected {PIP_SHA256}; it was not used")
    path = into / PIP_WHEEL
    path.write_bytes(content)
    return path


class _Links(HTMLParser):
    """The targets of all links of a page, resolved against nothing yet."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _fetch(url: str, cert: str | None) -> bytes:
    context = ssl.create_default_context(cafile=cert) if cert else None
    try:
        with urllib.request.urlopen(url, timeout=60, context=context) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        host = urllib.parse.urlsplit(url).hostname
        raise SetupError(
            f"cannot reach the package index at {host} ({error}); check the network and proxy, or name a mirror in "
            "PIP_INDEX_URL"
        ) from error


def _pip_setting(name: str, environ: dict[str, str] | os._Environ[str]) -> str | None:
    told = environ.get("PIP_" + name.upper().replace("-", "_"))
    if told:
        return told
    home = Path(environ.get("HOME", "/"))
    configured = Path(environ.get("XDG_CONFIG_HOME", home / ".config"))
    # In pip's own order: what is read later wins.
    files: list[str | Path] = ["/etc/pip.conf", home / ".pip" / "pip.conf", configured / "pip" / "pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(environ["PIP_CONFIG_FILE"])
    settings = configparser.RawConfigParser()
    settings.read(files)
    return next((settings.get(part, name) for part in ("install", "global") if settings.has_option(part, name)), None)


def _fits(python: Path) -> bool:
    """True if the environment's Python runs and is of our version."""
    try:
        answer = subprocess.run([python, "-c", "import sys; print(sys.version)"], capture_output=True, check=False)
    except OSError:
        return False
    return answer.stdout.decode().strip() == sys.version.strip()


def _has_ensurepip() -> bool:
    try:
        import ensurepip
    except ImportError:  # Debian without python3-venv
        return False
    return bool(ensurepip.version())


def _create(environment: Path, without_pip: bool) -> None:
    command = [sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if without_pip else []), str(environment)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        detail = (answer.stderr or answer.stdout).strip()
        raise SetupError(_cause(detail) or f"cannot create {environment}: {detail}")


def _install_pip(python: Path) -> None:
    _say(f"fetching {PIP_WHEEL}")
    with tempfile.TemporaryDirectory() as scratch:
        wheel = fetch_pip(index_url(), Path(scratch), cert=_pip_setting("cert", os.environ))
        # A wheel is a zip file that Python can run from; so it installs itself.
        _run_pip([str(python), f"{wheel}/pip", "install", "--no-index", "--no-deps", str(wheel)], "installing pip")


def _run_pip(command: list[str], doing: str, *, total: int = 0) -> None:
    """Run pip and say how far it is. Raises SetupError with the cause, else with pip's last lines."""
    _say(doing)
    lines: list[str] = []
    collected = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied")) and total:
                collected += 1
                if sys.stderr.isatty() or collected % 25 == 0:
                    _say(f"{doing}: {min(collected, total)} of {total} fetched")
            elif line.startswith("Installing collected") and total:
                _say(f"{doing}: unpacking (about half a minute)")
    if pip.returncode:
        text = "\n".join(lines)
        tail = "\n".join(f"    {line}" for line in lines[-8:])
        raise SetupError(f"{_cause(text) or f'pip failed while {doing}'}. Its last lines:\n{tail}")


def _cause(text: str) -> str | None:
    return next((cause for pattern, cause in _CAUSES if pattern.search(text)), None)


def _check_disk(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < MINIMUM_FREE_BYTES:
        raise SetupError(
            f"only {free / 1e6:,.0f} MB free in {root}, .venv needs {MINIMUM_FREE_BYTES / 1e6:,.0f} MB; free some"
        )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let a second run wait for the first: two pips in one environment break it."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _say("waiting for another setup of this checkout")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _say(message: str, *, end: bool = False) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[Ksetup: {message}", end="\n" if end else "", file=sys.stderr, flush=True)
    else:
        print(f"setup: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
