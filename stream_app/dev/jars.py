"""The only place for getting the broker's jars: from Maven Central by jgo, each one checked against `kafka.lock`.

A line of the lock is `group:artifact:version sha256:<hex>`. `python -m stream_app.dev.jars` writes it anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stream_app.dev.errors import DownloadError
from stream_app.dev.parts import KAFKA_VERSION

LOCK = Path(__file__).with_name("kafka.lock")
#: What the lock is made from: the broker, and the binding that brings its log lines to log4j2.
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3")

#: Told how many jars are in and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where it lies in a Maven repository."""
        return Path(*self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar")


def cache_directory() -> Path:
    """Where jars are kept for all checkouts of a user: `STREAM_APP_CACHE_DIR`, else the user's cache directory."""
    told = os.environ.get("STREAM_APP_CACHE_DIR")
    if told:
        return Path(told)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "call-evidence-stream"


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """The jars of the lock file. Raises DownloadError naming the line that is not `g:a:v sha256:hex`."""
    jars = []
    for number, line in enumerate(lock.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        coordinates, _, digest = line.partition(" sha256:")
        parts = coordinates.split(":")
        if len(parts) != 3 or len(digest) != 64:
            raise DownloadError(f"{lock.name} line {number} is not `group:artifact:version sha256:hex`: {line!r}")
        jars.append(Jar(parts[0], parts[1], parts[2], digest))
    return tuple(jars)


def class_path(cache: Path | None = None, progress: Progress | None = None, lock: Path = LOCK) -> list[Path]:
    """The verified jars, fetched first where the cache lacks them or holds other bytes.

    They come from Maven Central, or from the mirror whose URL `STREAM_APP_MAVEN_REPOSITORY` names.
    Every start hashes all of them (43 MB, about 0.1 s). Raises DownloadError: no network, or wrong bytes.
    """
    jars = locked_jars(lock)
    home = (cache or cache_directory()) / "maven"
    lacking = [jar for jar in jars if not _is_intact(home / jar.path, jar)]
    if lacking:
        _fetch(lacking, home, progress, len(jars))
    return [home / jar.path for jar in jars]


def _is_intact(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _fetch(lacking: Iterable[Jar], home: Path, progress: Progress | None, total: int) -> None:
    """Fetch into a directory of its own and move each jar in when its digest is right: never half a jar in place."""
    try:
        from jgo.maven import MavenContext
        from requests import RequestException
    except ImportError as error:
        raise DownloadError("jgo is not installed: run `make setup`") from error
    wanted = list(lacking)
    home.mkdir(parents=True, exist_ok=True)
    incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=home))
    mirror = os.environ.get("STREAM_APP_MAVEN_REPOSITORY")
    maven = MavenContext(
        repo_cache=incoming, local_repos=[], remote_repos={"told": mirror} if mirror else None, timeout=60
    )

    def fetch(jar: Jar) -> None:
        try:
            arrived = Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
        except (RequestException, RuntimeError, OSError) as error:
            raise DownloadError(
                f"cannot fetch {jar.path.name} from {mirror or 'Maven Central'} ({type(error).__name__}). "
                "The first start needs the network once (43 MB): check connection and proxy, or name a mirror in "
                "STREAM_APP_MAVEN_REPOSITORY, then run the same command again"
            ) from error
        digest = _sha256(arrived)
        if digest != jar.sha256:
            raise DownloadError(
                f"{arrived.name} from {mirror or 'Maven Central'} is not the file that kafka.lock names "
                f"(sha256 {digest}, expected {jar.sha256}); nothing was started. Look at what stands between you and it"
            )
        target = home / jar.path
        target.parent.mkdir(parents=True, exist_ok=True)
        arrived.replace(target)

    pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="jars")
    try:
        for done, _ in enumerate(pool.map(fetch, wanted), start=total - len(wanted) + 1):
            if progress:
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(incoming, ignore_errors=True)


def _resolve_lock() -> str:
    """The text of a new lock: what Maven's own rules make of ROOTS today."""
    import jgo

    lines: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        os.environ["M2_REPO"] = str(repository)
        for root in ROOTS:
            environment = jgo.build(root, cache_dir=Path(scratch) / "environments")
            for jar in (*environment.class_path_jars, *environment.module_path_jars):
                (home,) = (path.parent for path in repository.rglob(jar.name))
                group = ".".join(home.parent.parent.relative_to(repository).parts)
                # The first root decides a version; a later one only adds what is new.
                lines.setdefault(
                    f"{group}:{home.parent.name}", f"{group}:{home.parent.name}:{home.name} sha256:{_sha256(jar)}"
                )
    head = [
        "# The jars of the embedded broker. Written by `python -m stream_app.dev.jars`; verified at every start.",
        f"# From: {' '.join(ROOTS)}",
    ]
    return "\n".join([*head, *(lines[name] for name in sorted(lines))]) + "\n"


def main() -> int:
    """Write `kafka.lock` anew (needs the network)."""
    LOCK.write_text(_resolve_lock())
    print(f"{LOCK.name}: {len(locked_jars())} jars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
