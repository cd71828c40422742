"""`python -m tests.golden.write v0.2`: write the golden files of a release, once, with that release's own code.

What is written is not written again: later releases must read it as it is. So it refuses a directory that exists;
before a release is out, delete its directory where its bytes were still to change.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from stream_app.core.orders import SealOrder, SealRetry
from stream_app.core.wire import read_json
from stream_app.pipeline.ports import Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.progress import Progress, row_key
from stream_app.topics import EVIDENCE, IDENTITY, INTAKE_TOPICS, SEAL_ORDERS, SEAL_RETRY
from tests import remembered
from tests.golden import story
from tests.golden.files import HERE, PARTITIONS, Row, opened, orders_since, tell, write_records, write_rows
from tests.simulator import Simulator


def write(directory: Path) -> None:
    """Tell the first half of the story, write what stands in the topics, then tell the rest from the files alone."""
    policy = default_policy()
    line = Simulator(policy=policy, partitions=PARTITIONS, batch=1)
    for partition in range(PARTITIONS):
        line._append(Outgoing(EVIDENCE.name, None, remembered.activation(policy), partition=partition))
    tell(line, story.before())
    directory.mkdir()
    for name in (IDENTITY.name, EVIDENCE.name, SEAL_ORDERS.name):
        write_records(directory / f"{name}.jsonl", (one for records in line.log[name] for one in records))
    for stage, topic in (("identity", IDENTITY.name), ("join", EVIDENCE.name)):
        rows = [(p, *row) for p in range(PARTITIONS) for row in line.lanes[topic, p].rows.changelog]
        done = [(p, row_key(topic, p), Progress(line.lanes[topic, p].read).to_bytes()) for p in range(PARTITIONS)]
        write_rows(directory / f"{stage}-changelog.jsonl", [*rows, *done])
    orders = line.log[SEAL_ORDERS.name]
    sealed: list[Row] = [
        (p, row_key(SEAL_ORDERS.name, p), Progress(max(0, len(orders[p]) - 2), {len(orders[p]) - 1}).to_bytes())
        for p in range(PARTITIONS)
    ]
    write_rows(directory / "seal-changelog.jsonl", sealed)
    first = next(record for records in orders for record in records)
    retry = SealRetry(
        attempt=2, first_failed_at=line.now, not_before=line.now + 2000, failure="s3://provider-drop/x: cannot be read",
        order=SealOrder.from_dict(read_json(first.value or b"")),
    )  # fmt: skip
    write_records(
        directory / f"{SEAL_RETRY.name}.jsonl",
        [Incoming(SEAL_RETRY.name, first.partition, 0, line.now, first.key, retry.to_bytes())],
    )
    then = {
        "policy": policy.to_dict(),
        "policySha256": policy.sha256,
        "now": line.now,
        "ends": {f"{t.name}/{p}": len(line.log[t.name][p]) for t in INTAKE_TOPICS for p in range(PARTITIONS)},
        "orders": [],
    }
    path = directory / "then.json"
    path.write_text(json.dumps(then))
    # The rest is told twice: by the line that never stopped, and by one made of the files. Both must say the same.
    again = opened(directory)
    tell(line, story.after())
    tell(again, story.after())
    then["orders"] = orders_since(line, directory)
    assert orders_since(again, directory) == then["orders"], "a line made of the files gives other orders"
    path.write_text(json.dumps(then, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """0: written; 2: no release named, or one that has its files."""
    if len(arguments) != 1 or not re.fullmatch(r"v\d+\.\d+", arguments[0]):
        print("usage: python -m tests.golden.write vMAJOR.MINOR", file=sys.stderr)
        return 2
    directory = HERE / arguments[0]
    if directory.exists():
        print(
            f"{directory.name} has its golden files; what a release has written is never written again", file=sys.stderr
        )
        return 2
    write(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
