"""How commands find a worker, and what they make of its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest

from stream_app.cli import asking
from stream_app.runtime import announced
from stream_app.runtime.announced import Announced
from stream_app.settings import Settings

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def worker() -> Iterator[str]:
    """Answers with what it was asked, wants a token, and knows a path that is no worker's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            brought = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            self.send_response(404 if self.path == "/v1/calls/x" and brought else 200 if brought else 401)
            self.end_headers()
            said = json.dumps({"path": self.path, "detail": "d"}).encode()
            self.wfile.write(b"<html>" if self.path == "/odd" else said)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_which_workers_are_tried(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, health_port=8471, health_host="0.0.0.0")
    assert asking.addresses(settings, "http://w:1/") == ["http://w:1"]
    assert asking.addresses(settings, None) == ["http://127.0.0.1:8471"]
    with announced.announce(settings, Announced("http://127.0.0.1:9", "t")):
        assert asking.addresses(settings, None) == ["http://127.0.0.1:8471", "http://127.0.0.1:9"]
    with pytest.raises(click.UsageError):
        asking.addresses(settings, "w:1")


def test_one_that_is_gone_is_passed_over_and_the_token_is_brought(tmp_path: Path, worker: str) -> None:
    settings = Settings(state_dir=tmp_path, health_port=1, api_token=TOKEN)  # type: ignore[arg-type]
    with announced.announce(settings, Announced(worker, "t")):
        assert asking.ask(settings, None, "/v1/joins", 5) == (200, {"path": "/v1/joins", "detail": "d"})
        assert asking.ask(settings, None, "/v1/calls/x", 5)[0] == 404


def test_a_refusal_and_what_is_no_worker_end_with_3(
    tmp_path: Path, worker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="3"):
        asking.ask(Settings(state_dir=tmp_path), worker, "/v1/joins", 5)
    assert capsys.readouterr().err == "the worker refuses: d\n"
    with_token = Settings(state_dir=tmp_path, api_token=TOKEN)  # type: ignore[arg-type]
    with pytest.raises(SystemExit, match="3"):
        asking.ask(with_token, worker, "/odd", 5)
    assert "not as a worker does" in capsys.readouterr().err
