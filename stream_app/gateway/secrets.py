"""The only place that knows where webhook secrets come from: files that may change under us, or the environment.

A directory (`STREAM_APP_WEBHOOK_SECRETS_DIR`) holds a file `<provider>`, or several `<provider>.<anything>`, with one
secret a line: the secret itself, `<API key>:<secret>` for LiveKit, or a JSON object (`signatures.live_secrets`). To
rotate, add a line or a file; when the provider has the new secret, take the old one away. Files are read again when
they change. Rename a new file into its place: what is half written is half read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from stream_app.core.wire import WireError, read_json
from stream_app.gateway.signatures.live_secrets import LiveSecret, LiveSecrets, SecretFormatError, live_secrets
from stream_app.gateway.signatures.registry import SCHEMES
from stream_app.settings import Settings

CHECK_EVERY_S = 1.0
"""How soon a changed file is noticed; a request does not look at the disk each time."""
MAX_FILE_BYTES = 65_536
NOT_LIVE = (".bak", ".swp", ".tmp")
"""What editors and careful writers leave beside a file: a secret that was taken away must not live on in it."""
_Stamp = tuple[tuple[str, int, int, int], ...]


class SecretsError(ValueError):
    """Secrets cannot be read; the message names the variable, or file and line, and never quotes what stands there."""


@dataclass(slots=True)
class _Known:
    checked_s: float
    stamp: _Stamp | None
    secrets: LiveSecrets
    problem: str = ""


class SecretSource:
    """The live secrets of every provider, as they are now. Its `repr` shows none."""

    def __init__(
        self,
        directory: Path | None = None,
        stated: Mapping[str, SecretStr] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stated`: by provider, as the environment has them. Raises SecretsError for what cannot be read now."""
        if directory is not None and not directory.is_dir():
            raise SecretsError(f"STREAM_APP_WEBHOOK_SECRETS_DIR: {directory} is not a directory")
        self._directory = directory
        self._clock = clock
        self._stated = {name: _from_environment(name, value) for name, value in (stated or {}).items()}
        self._known: dict[str, _Known] = {}
        for scheme in SCHEMES:
            self._known[scheme.name] = known = self._looked(scheme.name, None)
            if known.problem:
                raise SecretsError(known.problem)

    @classmethod
    def of(cls, settings: Settings) -> SecretSource:
        """As the settings say."""
        stated = {scheme.name: getattr(settings, f"webhook_secrets_{scheme.name}") for scheme in SCHEMES}
        return cls(settings.webhook_secrets_dir, {name: value for name, value in stated.items() if value is not None})

    def __repr__(self) -> str:
        return f"SecretSource({', '.join(f'{name}: {len(self.secrets(name))}' for name in self._known)})"

    def secrets(self, provider: str) -> LiveSecrets:
        """What is live of this provider; KeyError for one whose webhooks are not signed."""
        known = self._known[provider]
        if self._directory is not None and self._clock() - known.checked_s >= CHECK_EVERY_S:
            self._known[provider] = known = self._looked(provider, known)
        return self._stated.get(provider, ()) + known.secrets

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read anew. The secrets read before stay live: a typing error must not stop all webhooks."""
        return tuple(known.problem for known in self._known.values() if known.problem)

    def _looked(self, provider: str, before: _Known | None) -> _Known:
        now_s = self._clock()
        try:
            files = self._files(provider)
            stamp = tuple(_stamp(path) for path in files)  # Before reading: a change meanwhile is seen next time.
            if before is not None and stamp == before.stamp:
                return _Known(now_s, stamp, before.secrets, before.problem)
            found = tuple(secret for path in files for secret in _from_file(provider, path))
            return _Known(now_s, stamp, found)
        except OSError as error:
            # No stamp, so that the next look reads again: nothing need change for a file to become readable.
            problem = f"webhook secrets of {provider} cannot be read: {error.strerror} ({error.filename})"
            return _Known(now_s, None, before.secrets if before else (), problem)
        except SecretsError as error:
            return _Known(now_s, stamp, before.secrets if before else (), str(error))

    def _files(self, provider: str) -> list[Path]:
        if self._directory is None:
            return []
        return sorted(
            path
            for path in self._directory.iterdir()
            if (path.name == provider or path.name.startswith(f"{provider}."))
            and path.suffix not in NOT_LIVE
            and path.is_file()
        )


def _stamp(path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return path.name, found.st_ino, found.st_mtime_ns, found.st_size


def _from_file(provider: str, path: Path) -> list[LiveSecret]:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise SecretsError(f"{path} is larger than any file of secrets")
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SecretsError(f"{path} is not UTF-8 text") from None
    found: list[LiveSecret] = []
    for number, line in enumerate(lines, 1):
        try:
            found += _of_line(provider, line.strip())
        except SecretFormatError as error:
            raise SecretsError(f"{path}:{number}: {error}") from None
    return found


def _of_line(provider: str, line: str) -> LiveSecrets:
    if line.startswith("{"):
        return _of_json(line)
    key_id, colon, secret = line.partition(":")
    if provider == "livekit" and line:
        if not colon or not key_id.strip() or not secret.strip():
            raise SecretFormatError("a line of LiveKit's is <API key>:<secret>")
        return (LiveSecret(SecretStr(secret.strip()), key_id.strip()),)
    return live_secrets(line)


def _of_json(text: str) -> LiveSecrets:
    try:
        return live_secrets(read_json(text.encode()))
    except (WireError, UnicodeEncodeError):
        raise SecretFormatError("begins like JSON and is none") from None


def _from_environment(provider: str, value: SecretStr) -> LiveSecrets:
    text = value.get_secret_value().strip()
    try:
        return _of_json(text) if text[:1] in ("[", "{", '"') else _of_line(provider, text)
    except SecretFormatError as error:
        raise SecretsError(f"STREAM_APP_WEBHOOK_SECRETS_{provider.upper()}: {error}") from None
