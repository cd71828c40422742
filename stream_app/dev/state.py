"""The only place for what stands under `.dev/`: the state of the parts, the lock, the keys, the `env` file."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stream_app.dev.errors import StackBusyError
from stream_app.dev.parts import BUCKETS, IDENTITIES, LOOPBACK, WORKER_IDENTITY
from stream_app.dev.processes import Process


@dataclass(frozen=True)
class Credentials:
    """One S3 key pair."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoints:
    """Where the stack answers, and with which keys. `credentials` is by identity name (`parts.IDENTITIES`)."""

    kafka_bootstrap: str
    s3_endpoint: str
    credentials: Mapping[str, Credentials]
    root: Path

    @property
    def env_file(self) -> Path:
        """The file with the same as environment variables (`set -a; . .dev/env`)."""
        return self.root / "env"

    def environment(self, identity: str = WORKER_IDENTITY) -> dict[str, str]:
        """The settings (`stream_app.settings`) for a process that acts as `identity`."""
        keys = self.credentials[identity]
        return {
            "STREAM_APP_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "STREAM_APP_S3_ENDPOINT": self.s3_endpoint,
            "STREAM_APP_S3_ACCESS_KEY": keys.access_key,
            "STREAM_APP_S3_SECRET_KEY": keys.secret_key,
            "STREAM_APP_SIGNING_KEY_FILE": str(self.root / "signing.pem"),
            "STREAM_APP_MASTER_KEY_FILE": str(self.root / "master.key"),
        }


@dataclass
class PartState:
    """What is remembered of one part: its process (None: stopped) and its ports (kept for the next start)."""

    ports: dict[str, int] = field(default_factory=dict)
    process: Process | None = None


class StateDirectory:
    """The directory of one stack."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.file = self.root / "state.json"

    @contextmanager
    def locked(self, patience_s: float = 0.0) -> Iterator[None]:
        """Hold the directory alone. Raises StackBusyError if somebody else still does after `patience_s`.

        The kernel drops the lock when its holder ends, however it ends, so a stale lock cannot exist.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + patience_s
            while not _taken(descriptor):
                if time.monotonic() >= until:
                    holder = path.read_text().strip() or "unknown"
                    raise StackBusyError(
                        f"another `stream-app dev` command (pid {holder}) is starting or stopping the stack in "
                        f"{self.root}; wait until it has ended, then try again"
                    )
                time.sleep(0.1)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def load(self) -> dict[str, PartState]:
        """The remembered parts by name; {} where nothing was ever started or the file is unreadable.

        An unreadable file is set aside as `state.json.broken`: a broken note must not stand in the way of a start.
        """
        try:
            raw = json.loads(self.file.read_text())
            return {name: _part(value) for name, value in raw["parts"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            self.file.replace(self.file.with_name("state.json.broken"))
            return {}

    def save(self, parts: Mapping[str, PartState]) -> None:
        """Replace the remembered state as a whole (a reader sees the old or the new file, never half)."""
        content = {
            name: {
                "ports": part.ports,
                "process": None if part.process is None else {"pid": part.process.pid, "started": part.process.started},
            }
            for name, part in parts.items()
        }
        _write_private(self.file, json.dumps({"parts": content}, indent=2) + "\n")

    def keys(self) -> dict[str, Credentials]:
        """The key pairs of all identities: made at the first call, the same ever after, readable by the owner only.

        An identity that came with a later release gets its keys when it is first asked for.
        """
        path = self.root / "keys.json"
        raw = json.loads(path.read_text()) if path.exists() else {}
        later = [identity.name for identity in IDENTITIES if identity.name not in raw]
        if later:
            raw |= {name: {"accessKey": f"dev-{name}", "secretKey": secrets.token_hex(20)} for name in later}
            _write_private(path, json.dumps(raw, indent=2) + "\n")
        return {name: Credentials(pair["accessKey"], pair["secretKey"]) for name, pair in raw.items()}

    def make_signing_key(self) -> None:
        """A key of the stack's own, with the file of trusted keys beside it: made once, the same ever after."""
        private = self.root / "signing.pem"
        if private.exists():
            return
        # Only here: what reads a stack's state does not need cryptography.
        from stream_app.core.attestation import TrustedKey
        from stream_app.engines.signing import Ed25519Signer, trust_document

        signer = Ed25519Signer.generate()
        trusted = trust_document((TrustedKey(signer.key_id, signer.public_key),))
        (self.root / "trusted-keys.json").write_text(json.dumps(trusted, indent=2) + "\n")
        _write_private(private, signer.to_pem().decode())

    def make_master_key(self) -> None:
        """What wraps the keys of private values on this stack: made once, the same ever after."""
        master = self.root / "master.key"
        if not master.exists():
            _write_private(master, b64encode(secrets.token_bytes(32)).decode() + "\n")

    def endpoints(self, parts: Mapping[str, PartState]) -> Endpoints:
        """Where the parts answer. Raises KeyError if a part was never started."""
        self.make_signing_key()
        self.make_master_key()
        return Endpoints(
            kafka_bootstrap=f"{LOOPBACK}:{parts['kafka'].ports['broker']}",
            s3_endpoint=f"http://{LOOPBACK}:{parts['s3'].ports['s3']}",
            credentials=self.keys(),
            root=self.root,
        )

    def write_env(self, endpoints: Endpoints) -> None:
        """Write `env`: the worker's settings, and the keys of every other identity as comments."""
        lines = ["# Written by `stream-app dev up`. Load with: set -a; . .dev/env; set +a"]
        lines += [f"{name}={value}" for name, value in endpoints.environment().items()]
        lines.append(f"# Buckets: {' '.join(BUCKETS)}. The keys above are those of `{WORKER_IDENTITY}`; the others:")
        lines += [
            f"# {name}: {keys.access_key} {keys.secret_key}"
            for name, keys in endpoints.credentials.items()
            if name != WORKER_IDENTITY
        ]
        _write_private(endpoints.env_file, "\n".join(lines) + "\n")


def _part(raw: Any) -> PartState:
    process = raw["process"]
    return PartState(
        ports={str(name): int(port) for name, port in raw["ports"].items()},
        process=None if process is None else Process(int(process["pid"]), str(process["started"])),
    )


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(text)
    draft.replace(path)


def _taken(descriptor: int) -> bool:
    """Whether the lock was free and is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
