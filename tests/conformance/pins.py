"""The one list of what the engine relies on in its libraries, and of what breaks when one of it changes.

A pin is the digest of a function's source text, of its signature, or of a constant. It does not say that a change is
bad: it says that somebody must read the new text, prove the section of docs/engine.md again (its tests, and the chaos
run), and only then pin the new digest.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any, Literal

SECTIONS = {
    1: "at least once in, explicit acks in order",
    2: "batches of one partition",
    3: "one fenced transaction a commit",
    4: "fence, then replay",
    5: "time",
    6: "topics are ours",
    7: "raw bytes in",
    8: "settings that are wrong by default",
    9: "kill -9 is a normal way to stop",
    10: "scale",
}
"""Of docs/engine.md."""

VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1", "rocksdict": "0.3.29"}


@dataclass(frozen=True, slots=True)
class Pin:
    """`name` is `module:qualified.name`; `of` what of it is pinned; `section` that of docs/engine.md."""

    name: str
    of: Literal["source", "signature", "value"]
    digest: str
    section: int
    why: str


CONSUMER = "faust.transport.consumer:Consumer"
DRIVER = "faust.transport.drivers.aiokafka"
RECOVERY = "faust.tables.recovery:Recovery"
STORE = "faust.stores.rocksdb:Store"
FETCHER = "aiokafka.consumer.fetcher"
PRODUCER = "aiokafka.producer.producer:AIOKafkaProducer"
SENDER = "aiokafka.producer.sender"

PINS: tuple[Pin, ...] = (
    Pin(
        f"{CONSUMER}.ack",
        "source",
        "582909f08d74",
        1,
        "an acknowledged event becomes the offset of its last record in `_acked`",
    ),
    Pin(
        f"{CONSUMER}._new_offset",
        "source",
        "e78f3cb32510",
        1,
        "replaced: Faust's own commits past a record that is still under way",
    ),
    Pin(
        f"{CONSUMER}._filter_committable_offsets",
        "source",
        "3df385bdd0a4",
        1,
        "asks `_new_offset` for every partition, and for nothing else",
    ),
    Pin(
        f"{CONSUMER}._commit_tps",
        "source",
        "097d073ca822",
        1,
        "commits what `_new_offset` says, with no record behind it",
    ),
    Pin(
        f"{CONSUMER}._commit_offsets",
        "source",
        "469ed514dff0",
        1,
        "the offset committed is the one to read next; a failure is no commit",
    ),
    Pin(
        f"{CONSUMER}.on_partitions_revoked",
        "source",
        "bee0e9c2c08f",
        1,
        "what was acknowledged and not committed is dropped, never committed for another generation",
    ),
    Pin("faust.events:Event.ack", "source", "dcbf6539ec78", 1, "acknowledges the message at its last reference"),
    Pin(
        "faust.types.tuples:Message.ack", "source", "699be8060201", 1, "calls the consumer when the last reference goes"
    ),
    Pin(
        "faust.types.tuples:ConsumerMessage.on_final_ack",
        "source",
        "0a0f3b85deaa",
        1,
        "hands the message to `Consumer.ack`",
    ),
    Pin("faust.streams:Stream.noack", "source", "85f8c765c978", 1, "Faust acknowledges nothing by itself"),
    Pin(
        f"{CONSUMER}.getmany",
        "source",
        "235d66a223f2",
        2,
        "replaced as a whole: flow, generation and the seek behind a stopped flow are as there",
    ),
    Pin(f"{CONSUMER}._wait_next_records", "source", "74fe90e7be72", 2, "gives the fetch and the active partitions"),
    Pin(f"{CONSUMER}.perform_seek", "source", "d3e8527bdb71", 2, "seeks every partition to what is committed"),
    Pin(f"{CONSUMER}._get_active_partitions", "source", "6b98b2ea23de", 2, "which partitions are asked for records"),
    Pin(f"{CONSUMER}.stop_flow", "source", "e74224d39c5c", 2, "clears `flow_active`: the fetch under way is dropped"),
    Pin(f"{DRIVER}:Consumer._new_consumer_thread", "source", "c4a2821269c4", 2, "replaced: makes our thread"),
    Pin(
        f"{DRIVER}:Consumer._to_message",
        "source",
        "77122fdc6b30",
        2,
        "the fields of a message, built alike in `transport._message`",
    ),
    Pin(
        "faust.types.tuples:ConsumerMessage",
        "signature",
        "ec4d45f7348c",
        2,
        "built by position in `transport._message`",
    ),
    Pin(
        "faust.serializers.schemas:Schema.compile",
        "source",
        "edbfc44c2865",
        2,
        "replaced: how a message becomes an event",
    ),
    Pin("faust.app.base:App.create_event", "source", "783588d4ae13", 2, "called by our schema"),
    Pin(
        f"{DRIVER}:AIOKafkaConsumerThread._fetch_records",
        "source",
        "390594ddd941",
        2,
        "replaced: stops with the flow, and tells the client that we are reading",
    ),
    Pin(
        f"{DRIVER}:AIOKafkaConsumerThread.getmany",
        "source",
        "c1afcc0bd5ae",
        2,
        "calls `_fetch_records` in the consumer's thread",
    ),
    Pin(
        f"{FETCHER}:Fetcher.fetched_records",
        "source",
        "3c937f9b22f1",
        2,
        "replaced: what is taken of a fetch, when it lets the next one go, and what it raises",
    ),
    Pin(
        f"{FETCHER}:FetchResult",
        "source",
        "d6d4eeddb28e",
        2,
        "says whether what was fetched still stands at the position, and moves the position",
    ),
    Pin(f"{FETCHER}:FetchError", "source", "808a9d43b4be", 2, "raised when it is taken"),
    Pin(
        f"{FETCHER}:Fetcher._create_fetch_waiter",
        "source",
        "1a9d1af06416",
        2,
        "done with the next fetch that brings anything",
    ),
    Pin(
        f"{FETCHER}:Fetcher._proc_fetch_request",
        "source",
        "126021259bad",
        2,
        "lays what it has fetched into `_records`; drops what a seek has overtaken",
    ),
    Pin(f"{FETCHER}:Fetcher._notify", "source", "237e60e98eea", 2, "lets the next fetch go"),
    Pin(
        f"{FETCHER}:Fetcher._get_actions_per_node",
        "source",
        "003376346027",
        2,
        "one fetch a broker is under way, without partitions whose records wait: so it must be short",
    ),
    Pin(
        "aiokafka.consumer.consumer:AIOKafkaConsumer.start",
        "source",
        "509f7b941208",
        3,
        "reads `_isolation_level` and three limits of fetches, which are set between construction and start",
    ),
    Pin(
        f"{DRIVER}:AIOKafkaConsumerThread._create_worker_consumer",
        "source",
        "ddc57d7aa150",
        3,
        "extended: reads committed records only, also without Faust's transactions",
    ),
    Pin(
        f"{FETCHER}:PartitionRecords",
        "source",
        "fa7164959baf",
        3,
        "replaced in `codec.unpacked`: leaves aborted and control records out, and moves the position over them",
    ),
    Pin(f"{PRODUCER}.create_batch", "source", "ceaab5fe0465", 3, "a builder that says by None that it is full"),
    Pin(
        f"{PRODUCER}.send_batch",
        "source",
        "e6f3210633e6",
        3,
        "one await a batch; the confirmation holds the offset of its first record",
    ),
    Pin(
        "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch",
        "source",
        "14efe088042b",
        3,
        "waits while the partition has another batch: so what lanes send goes in waves",
    ),
    Pin(f"{PRODUCER}.begin_transaction", "source", "3ea2089fcf4b", 3, "refuses after a fence"),
    Pin(
        f"{PRODUCER}.commit_transaction",
        "source",
        "31160613c62a",
        3,
        "returns when the commit is decided, raises when fenced",
    ),
    Pin(
        f"{PRODUCER}.stop", "source", "ae0fdb02df34", 3, "ends the sender, and does not wait for a broker that is away"
    ),
    Pin(
        f"{SENDER}:BACKOFF_OVERRIDE",
        "value",
        "a7e46abf1697",
        3,
        "20 ms between transactions of a partition, where the protocol's own pause is 100",
    ),
    Pin(
        f"{SENDER}:Sender._maybe_wait_for_pid",
        "source",
        "aa3c7aa88177",
        4,
        "`start` returns when the fence stands: InitProducerId was answered",
    ),
    Pin(
        f"{SENDER}:Sender.start",
        "source",
        "4953079f9e08",
        4,
        "the fence first, then the sender's task: cancelled before, it leaves nothing running",
    ),
    Pin(
        f"{SENDER}:InitPIDHandler.handle_response",
        "source",
        "37a66ae809ea",
        4,
        "waits until the broker has aborted what the owner before left open",
    ),
    Pin(
        f"{RECOVERY}._build_offsets",
        "source",
        "b06cfb52c1c6",
        4,
        "replaced for active partitions: nothing is left to read",
    ),
    Pin(
        f"{RECOVERY}._restart_recovery",
        "source",
        "78cc66d36f78",
        4,
        "every step under a time-out, but the one in which we replay",
    ),
    Pin(f"{RECOVERY}._wait", "source", "f0758d2f0778", 4, "a time-out ends Faust's recovery for ever"),
    Pin(
        "mode.services:Service.wait_first",
        "source",
        "f801bc9f49cd",
        4,
        "a time-out looks like a stop; cancels what it waited for",
    ),
    Pin(
        f"{RECOVERY}.on_recovery_completed",
        "source",
        "a63912ae5efd",
        4,
        "runs our callback before sources resume; swallows its errors, leaves it running when cancelled",
    ),
    Pin(f"{RECOVERY}._build_highwaters", "source", "c6a9dd97a47d", 4, "`active_highwaters` is one below the end"),
    Pin(f"{RECOVERY}.need_recovery", "source", "a69bf04eb6c3", 4, "false when offsets are at their high waters"),
    Pin(f"{RECOVERY}.active_remaining", "source", "6cdfdaacc825", 4, "what `need_recovery` looks at"),
    Pin(
        f"{RECOVERY}.on_rebalance",
        "source",
        "121a73ad43cf",
        4,
        "starts a recovery for each assignment of the live generation",
    ),
    Pin(
        "faust.tables.manager:TableManager.recovery", "source", "f7226be333bc", 4, "replaced: makes our recovery, once"
    ),
    Pin(
        "faust.tables.manager:TableManager.on_start",
        "source",
        "35aa469ac19e",
        4,
        "replaced: as there, without the second of waiting",
    ),
    Pin(
        "faust.tables.manager:TableManager._update_channels",
        "source",
        "fbf8c1558b2d",
        4,
        "starts the table and its channel",
    ),
    Pin("faust.tables.base:Collection.call_recover_callbacks", "source", "63b285a17ec4", 4, "awaits our callback"),
    Pin(
        f"{DRIVER}:ConsumerRebalanceListener.on_partitions_assigned",
        "source",
        "11e5518ea094",
        4,
        "the generation changes when partitions are assigned, not when they are revoked",
    ),
    Pin(
        "faust.app.base:App._on_partitions_revoked",
        "source",
        "f3146e33bc4a",
        4,
        "stops the flow, then tells us and waits for us",
    ),
    Pin("faust.app.base:App._on_partitions_assigned", "source", "2ac2e1e072e5", 4, "an assignment leads to a recovery"),
    Pin(f"{STORE}.offset_key", "value", "770d099c8834", 4, "written by us in the same write as the rows"),
    Pin(
        f"{STORE}._db_for_partition",
        "source",
        "eda578d1f076",
        4,
        "opens and remembers the partition's store, in `_dbs`",
    ),
    Pin(f"{STORE}._open_for_partition", "source", "72ed20affeec", 4, "wrapped: opens it with the table's options"),
    Pin(f"{STORE}.partition_path", "source", "1fbecba87cec", 4, "where it lies: wiped there"),
    Pin(
        f"{STORE}.assign_partitions",
        "source",
        "856fdfe9bc7a",
        4,
        "opens the stores long before they are taken over; whatever is not a lock ends the app",
    ),
    Pin(
        f"{STORE}._try_open_db_for_partition",
        "source",
        "6c8a2f0ede69",
        4,
        "tries again for a lock only, 30 times a second apart",
    ),
    Pin(
        f"{STORE}.revoke_partitions",
        "source",
        "3b8ac3ddd69e",
        4,
        "drops its reference; RocksDB's lock goes with the last one",
    ),
    Pin("faust.stores.rocksdb:RocksDBOptions.open", "source", "a641ea631063", 4, "raises what RocksDB says"),
    Pin(
        f"{DRIVER}:Consumer.highwaters",
        "source",
        "b8fab8ac87f9",
        5,
        "the ends of the log, for the clock and for inputs that were lost",
    ),
    Pin(f"{DRIVER}:Consumer.highwater", "source", "bc385a842d00", 5, "None before the first record of a generation"),
    Pin(f"{DRIVER}:Consumer.position", "source", "a6e88abf54d9", 5, "runs ahead of what was handed over"),
    Pin(f"{DRIVER}:Consumer.assignment", "source", "12722060cd65", 5, "what this worker may speak for"),
    Pin("aiokafka.partitioner:murmur2", "source", "04df47584d80", 6, "where a key goes, as Java's default has it"),
    Pin(
        "faust.transport.conductor:ConductorCompiler.build",
        "source",
        "f445f385dd50",
        7,
        "acknowledges what cannot be decoded: so our schema decodes nothing",
    ),
    Pin("faust.stores.rocksdb:RocksDBOptions", "signature", "1311cf6f40b4", 8, "what ours is made of"),
    Pin("mode.services:Service.stop", "source", "2640f0db32a3", 9, "has no bound of its own: ours has"),
    Pin(
        "faust.assignor.partition_assignor:PartitionAssignor.assigned_actives",
        "source",
        "c1840878d3b3",
        10,
        "the partitions that are ours",
    ),
)


class Gone(LookupError):
    """The name is not there any more."""


def found(name: str) -> Any:
    """What a pin's name stands for, as it is written in its class: properties and descriptors as their functions."""
    module, _, path = name.partition(":")
    here: Any = importlib.import_module(module)
    for part in path.split("."):
        try:
            here = inspect.getattr_static(here, part)
        except AttributeError:
            raise Gone(name) from None
    if isinstance(here, property):
        return here.fget
    return getattr(here, "__func__", None) or getattr(here, "fun", None) or getattr(here, "fget", None) or here


def digest(thing: Any, of: str) -> str:
    """What a pin compares: 12 hex digits over the text."""
    if of == "value":
        text = repr(thing)
    elif of == "signature":
        text = str(inspect.signature(thing))
    else:
        source = textwrap.dedent(inspect.getsource(thing))
        text = "\n".join(line.rstrip() for line in source.splitlines() if line.strip())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def problem(pin: Pin, thing: Any) -> str | None:
    """What is to be said if the pin does not hold, or None."""
    now = digest(thing, pin.of)
    if now == pin.digest:
        return None
    return (
        f"{pin.name}: its {pin.of} has changed ({pin.digest} is now {now}). What may break: docs/engine.md section "
        f"{pin.section}, {SECTIONS[pin.section]}: {pin.why}. Read the new text, run the section's tests and the chaos "
        "run, then pin the new digest here"
    )
