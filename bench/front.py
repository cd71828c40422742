"""The only place that measures intake and identity by themselves: CPU an event, without a broker, in one process.

    python -m bench.front [--calls 2000] [--batch 500] [--passes 5] [--plain] [--profile] [--json]

The events are the demo's, in the order of its replay: envelopes of all three kinds and a traceparent each, or with
`--plain` neither. Identity is measured twice over the same records: as they come, and once more when every alias is
linked. What a lane pays around the fold (instruments included, telemetry off) is in the figures; reading, sending and
storing are not. Each figure is the best of several passes: the machine may have other things to do.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from aiokafka.partitioner import murmur2

from stream_app import telemetry
from stream_app.core.evidence import ClockRecord
from stream_app.demo.convert import convert
from stream_app.demo.generator import generate
from stream_app.demo.replay import record_of, schedule
from stream_app.pipeline.identity import IdentityPartition
from stream_app.pipeline.intake import Intake
from stream_app.pipeline.ports import Effects, Incoming, Outgoing
from stream_app.policy_file import default_policy
from stream_app.runtime.instruments import instrumented
from stream_app.runtime.memory_rows import MemoryRows

PARTITIONS = 4
BEGAN_MS = 1_780_512_000_000
Fold = Callable[[Sequence[Incoming]], Sequence[Effects]]


def input_records(calls: int, *, plain: bool) -> list[Incoming]:
    """What producers send, in the order in which they do."""
    planned = schedule([convert(one, 7) for one in generate(calls, 7)], 60.0, 7)
    records = []
    for offset, one in enumerate(planned):
        key, value, headers = record_of(one, BEGAN_MS, 60.0)
        if plain and any(name == "content-type" and b"cloudevents" in content for name, content in headers):
            value = json.dumps(json.loads(value)["data"], separators=(",", ":"), ensure_ascii=False).encode()
        records.append(Incoming(one.event.topic, 0, offset, BEGAN_MS + offset, key, value, () if plain else headers))
    return records


def through(fold: Fold, records: list[Incoming], batch: int, then: Callable[[Sequence[Effects]], None]) -> float:
    """CPU seconds of folding everything; `then` gets each batch's effects, outside of the time."""
    spent = 0.0
    for start in range(0, len(records), batch):
        part = records[start : start + batch]
        began = time.process_time()
        folded = fold(part)
        spent += time.process_time() - began
        then(folded)
    return spent


def by_partition(sends: list[Outgoing]) -> dict[int, list[Incoming]]:
    """Identity records as its partitions get them."""
    logs: dict[int, list[Incoming]] = defaultdict(list)
    for send in sends:
        log = logs[(murmur2(send.key or b"") & 0x7FFFFFFF) % PARTITIONS]
        log.append(Incoming("identity", 0, len(log), BEGAN_MS, send.key, send.value, send.headers))
    return logs


def measure(calls: int, batch: int, passes: int, *, plain: bool) -> dict[str, float]:
    """The figures of one run."""
    off = telemetry.disabled()
    records = input_records(calls, plain=plain)
    gc.freeze()
    fold = instrumented("intake", off, off.spans.intake_accept, Intake(1 << 20).fold)
    sends: list[Outgoing] = []
    intakes = []
    for _ in range(passes):
        sends.clear()
        spent = through(fold, records, batch, lambda folded: sends.extend(s for one in folded for s in one.sends))
        intakes.append(spent)
    logs = by_partition([send for send in sends if send.topic == "identity"])
    count = sum(len(log) for log in logs.values())
    runs = [_identity(logs, batch) for _ in range(passes)]
    mixed, linked = (min(one[which] for one in runs) for which in (0, 1))
    return {
        "events": len(records),
        "bytesPerEvent": sum(len(one.value or b"") for one in records) / len(records),
        "identityRecordsPerEvent": count / len(records),
        "intakeMicroseconds": min(intakes) / len(records) * 1e6,
        "identityMicrosecondsPerRecord": mixed / count * 1e6,
        "identityLinkedMicrosecondsPerRecord": linked / count * 1e6,
        "identityMicrosecondsPerEvent": mixed / len(records) * 1e6,
    }


def _identity(logs: dict[int, list[Incoming]], batch: int) -> tuple[float, float]:
    """CPU seconds of all records as they come, and again when every alias is linked."""
    off = telemetry.disabled()
    clock = ClockRecord(worker="w", read_up_to={"call-ended/0": BEGAN_MS}, sources={"call-ended": 1}, vias=PARTITIONS)
    mixed = linked = 0.0
    for partition, log in logs.items():
        rows = MemoryRows()
        stage = IdentityPartition(partition, PARTITIONS, rows, default_policy())
        stage.handle(Incoming("identity", partition, 0, BEGAN_MS, None, clock.to_bytes()))
        fold = instrumented("identity", off, off.spans.identity_resolve, stage.fold)
        mixed += through(fold, log, batch, rows.commit)
        linked += through(fold, log, batch, rows.commit)
    return mixed, linked


def main() -> None:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--calls", type=int, default=2000, help="calls of about 10 events (default 2000)")
    parser.add_argument("--batch", type=int, default=500, help="records folded at a time (default 500)")
    parser.add_argument("--passes", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--plain", action="store_true", help="no envelopes and no traceparent")
    parser.add_argument(
        "--profile", action="store_true", help="say where the time goes (by cProfile, which adds to it)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    options = parser.parse_args()
    if options.profile:
        profile = cProfile.Profile()
        profile.enable()
    figures = measure(options.calls, options.batch, options.passes, plain=options.plain)
    if options.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:38} {figure:10.1f}")


if __name__ == "__main__":
    main()
