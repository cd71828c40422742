"""A real gateway process, for scenarios that send it webhooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import aiohttp

from stream_app.demo.signing import body_of, signer_of
from stream_app.dev.state import Endpoints
from tests.scenarios.live import READY_S, ROOT, Line

STAGING_KEY = b64encode(bytes(range(32))).decode()
SECRETS = {name: f"key:{name}-secret" for name in ("twilio", "livekit", "vapi", "retell", "elevenlabs")}
ENVIRONMENT = {
    "STREAM_APP_STAGING_KEY": STAGING_KEY,
    "STREAM_APP_SOURCE_BUCKETS": '["provider-drop", "staging"]',
    **{f"STREAM_APP_WEBHOOK_SECRETS_{name.upper()}": secret for name, secret in SECRETS.items()},
}


def line_with_gateway(stack: Endpoints, directory: Path) -> Line:
    """A line whose stages can read what a gateway stages."""
    return Line(stack, directory, **ENVIRONMENT)


class GatewayProcess:
    """One `stream-app gateway`; started again on the port it had, as a service would be."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._port = 0
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it listens."""
        log = self._line.directory / f"gateway-{self._starts}.log"
        self._starts += 1
        environment = {**os.environ, **self._line.environment, "STREAM_APP_GATEWAY_PORT": str(self._port)}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stream_app", "gateway"], cwd=ROOT, env=environment, stdout=out,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + READY_S
        while not log.read_text(errors="replace").startswith("gateway http"):
            assert self._process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < until, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        self.url = log.read_text(errors="replace").split()[1]
        self._port = int(self.url.rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code; -9 for SIGKILL."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(30)


async def send(
    client: aiohttp.ClientSession, gateway: GatewayProcess, provider: str, document: dict[str, object]
) -> tuple[int, dict[str, object]]:
    """One webhook, signed as the provider does: status and answer."""
    url = f"{gateway.url}/webhooks/{provider}"
    body = body_of(provider, document)
    headers = signer_of(provider).headers(SECRETS[provider], url, body)
    async with client.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)
