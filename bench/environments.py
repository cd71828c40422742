"""The only place that builds the peers' environments: pinned packages or jars, on demand, under .dev/bench/."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from stream_app.dev import broker, jars

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).with_name("peers")
Say = Callable[[str], None]


class NotBuilt(Exception):
    """A peer's environment could not be made; the message says why."""


def python_of(peer: str, home: Path, say: Say) -> Path:
    """The interpreter of the peer's own virtual environment, every package held to its hash. Raises NotBuilt."""
    wanted = PEERS / peer / "requirements.txt"
    place = home / peer
    interpreter, stamp = place / "bin" / "python", place / "built-from"
    digest = sha256(wanted.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return interpreter
    say(f"building the environment of {peer} (once)")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(interpreter), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(wanted)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotBuilt(f"{peer}: `{' '.join(command[-4:])}` failed:\n{done.stderr[-1500:]}")
    stamp.write_text(digest)
    return interpreter


def java_command(home: Path, say: Say) -> list[str]:
    """The command that runs the Kafka Streams peer, compiled first where its source has changed. Raises NotBuilt.

    The compiler is a jar as well (Eclipse's), so that the stack's own Java is enough.
    """
    source = PEERS / "kafka_streams" / "OrderJoin.java"
    libraries = jars.class_path(lock=PEERS / "kafka_streams" / "jars.lock")
    place = home / "kafka_streams"
    classes, stamp = place / "classes", place / "built-from"
    digest = sha256(source.read_bytes()).hexdigest()
    class_path = ":".join(map(str, libraries))
    if not stamp.is_file() or stamp.read_text() != digest:
        say("compiling the Kafka Streams peer (once)")
        classes.mkdir(parents=True, exist_ok=True)
        compiler = next(path for path in libraries if path.name.startswith("ecj-"))
        done = subprocess.run(
            [str(broker.java()), "-jar", str(compiler), "-source", "17", "-target", "17", "-nowarn", "-cp", class_path,
             "-d", str(classes), str(source)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NotBuilt(f"kafka_streams: the compiler says\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        stamp.write_text(digest)
    return [
        str(broker.java()), "-Xmx1g", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED",
        "-cp", f"{classes}:{class_path}", "OrderJoin",
    ]  # fmt: skip
