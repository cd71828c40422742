"""The only place where the harness enters a stage: the product's own command, with a watch on its steps.

`python -m tests.chaos.stage STAGE --aim FILE --log FILE --worker NAME`; everything else comes from `STREAM_APP_*`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal


def main() -> None:
    """Set the watch and the clock, then run `stream-app stage STAGE`."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.stage", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--aim", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--worker", required=True)
    chosen = parser.parse_args()

    from tests.chaos.hooks import Actor

    actor = Actor(chosen.aim, chosen.log, chosen.stage, chosen.worker)
    actor.begin()  # Before anything of the product is imported: `from time import time` must find the patched clock.

    from stream_app.cli.worker import stage
    from stream_app.runtime import steps
    from stream_app.sinks.s3 import S3ObjectStore

    put_once = S3ObjectStore.put_once

    async def watched_put(
        self: S3ObjectStore, uri: str, body: bytes, *, media_type: str, retention_class: str | None = None
    ) -> Literal["stored", "exists"]:
        outcome = await put_once(self, uri, body, media_type=media_type, retention_class=retention_class)
        if uri.endswith("/manifest.json"):
            actor.reached("manifest-stored")
        return outcome

    S3ObjectStore.put_once = watched_put  # type: ignore[method-assign]
    steps.watch = actor.reached
    stage.main(args=[chosen.stage], prog_name="stream-app stage")


if __name__ == "__main__":
    main()
