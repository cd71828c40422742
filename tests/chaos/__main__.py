"""The only place for `python -m tests.chaos`: one run of the harness, its table, its exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.profiles import PROFILES, profile_named
from tests.chaos.run import chaos


def main() -> int:
    """0: nothing was violated; 1: something was, or the faults were fewer than asked; 3: the stack did not come up.

    Of the negative control 0 says that it was caught, 1 that it was not.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Real stages on a real broker and S3 under seeded faults, judged from outside. "
        "Exit 1 when anything is lost, doubled or wrong; 3 when the stack does not come up.",
    )
    parser.add_argument("--profile", choices=[one.name for one in PROFILES], default="standard")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="default: a new one")
    parser.add_argument("--calls", type=int, help="another number of calls than the profile's")
    parser.add_argument("--without", default="", help="faults to leave out, comma-separated")
    parser.add_argument("--only", default="", help="faults to keep, comma-separated; the others are left out")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="3: one is lost, min ISR 2")
    parser.add_argument(
        "--control", action="store_true", help="the negative control: a plain Faust join, which must be caught"
    )
    parser.add_argument("--dir", type=Path, help="keep logs and the report here (default: kept only after a failure)")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON document")
    chosen = parser.parse_args()

    from dataclasses import replace

    from stream_app.dev.errors import StackError
    from tests.chaos.brokers import Cluster, OneBroker

    profile = profile_named(chosen.profile)
    without, only = set(filter(None, chosen.without.split(","))), set(filter(None, chosen.only.split(",")))
    counts = {n: c for n, c in profile.faults.items() if n not in without and (not only or n in only)}
    if chosen.brokers == 3:
        counts |= {"broker": max(2, counts.get("broker", 0))}
    profile = replace(profile, faults=counts, calls=chosen.calls or profile.calls)
    directory = chosen.dir or Path(tempfile.mkdtemp(prefix="stream-app-chaos-"))
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    brokers = (Cluster if chosen.brokers == 3 else OneBroker)(directory / "stack")

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        stack = brokers.up()
    except StackError as error:
        say(str(error))
        return 3
    try:
        if chosen.control:
            from tests.chaos.control import control

            report = asyncio.run(control(profile, chosen.seed, directory, stack, brokers.restart, say=say))
        else:
            report = asyncio.run(
                chaos(
                    profile, chosen.seed, directory, stack,
                    restart_broker=brokers.restart, settings=brokers.settings, say=say,
                )
            )  # fmt: skip
    finally:
        brokers.down()
    good = report.good != chosen.control and not any(line.startswith("TOO LITTLE") for line in report.notes)
    print(json.dumps(report.to_dict(), indent=1) if chosen.json else report.table())
    if chosen.control:
        say(
            "the control was caught, as it must be"
            if good
            else "the control was NOT caught: the harness proves nothing"
        )
    if good and chosen.dir is None:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        say(f"seed {chosen.seed}; logs in {directory}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
