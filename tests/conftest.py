"""The only place for what all tests share: one embedded stack for the whole session.

`STREAM_APP_TEST_STACK=<dir>` uses (and leaves running) the stack in that directory: bring it up with
`stream-app dev up --dir <dir>` while developing.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.dev.stack import Stack
from stream_app.dev.state import Endpoints


def pytest_configure() -> None:
    """A shell ignores Ctrl-C for what it starts in the background, and so would every process that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test that uses the stack as `real`, so that `-m 'not real'` is exact; leave out what is `long`."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real)
    if "long" not in config.option.markexpr:  # Asked for by name only: `-m long`.
        left_out = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def stack() -> Iterator[Endpoints]:
    """A running Kafka broker and S3 server; stopped by pid at the end, also when tests fail."""
    reused = os.environ.get("STREAM_APP_TEST_STACK")
    if reused:
        # Parts of the tests share it; each asks for it, and only one can at a time.
        yield Stack(Path(reused)).up(patience_s=120)
        return
    root = Path(tempfile.mkdtemp(prefix="stream-app-test-"))
    embedded = Stack(root)
    try:
        sys.stderr.write("\nstarting the embedded Kafka and S3 for the tests marked `real`\n")
        yield embedded.up()
    finally:
        embedded.down()
        shutil.rmtree(root, ignore_errors=True)
