"""The seal stage on a store in memory: the contract's packet, retries, commits that others won, restricted bodies."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stream_app.core import attestation
from stream_app.core.canonical import hash_of
from stream_app.core.dead_letters import DeadLetter
from stream_app.core.instants import format_instant
from stream_app.core.manifest import read_manifest
from stream_app.core.orders import Conflict, JoinAlert, Missing, SealOrder, SealRetry, Supersedes
from stream_app.core.packet import LATER_FIELDS, LATER_TOOL_FIELDS, Packet
from stream_app.core.verification import Digest, verify
from stream_app.engines.signing import Ed25519Signer, check
from stream_app.pipeline.ports import (
    Effects,
    Incoming,
    ObjectDenied,
    ObjectMissing,
    Outgoing,
    StoreError,
    StoreUnavailable,
)
from stream_app.pipeline.retry_clock import FIRST_WAIT_MS
from stream_app.pipeline.seal import DAY_MS, Sealer
from tests.examples import (
    AUDIO_SIZE,
    AUDIO_URI,
    CONTRACT,
    PACKET_BUCKET,
    PRODUCED_BY,
    RAW_BUCKET,
    SHARED_CONTRACT,
    TRANSCRIPT,
    TRANSCRIPT_URI,
    changed,
    contract_order,
    contract_sources,
    with_event,
    without,
)
from tests.fakes import InMemoryObjectStore

MANIFEST_URI = "s3://review-packets/calls/2026-06-03/call_2026_06_03_1842/v1/manifest.json"
OWN = f"s3://{PACKET_BUCKET}/"
BUDGET_MS = 10_000


class World:
    """A sealer, its store and its clock."""

    def __init__(self, sources: dict[str, bytes] | None = None, *, budget_ms: int = BUDGET_MS) -> None:
        self.store = InMemoryObjectStore(contract_sources() if sources is None else sources)
        self.now = 1_800_000_000_000
        self.set_forward = 0
        """How far the wall clock was set, against the time that truly passes (`now`)."""
        self.observed: list[tuple[Packet, SealOrder]] = []
        self.sealer = self.another(budget_ms)

    def another(self, budget_ms: int = BUDGET_MS) -> Sealer:
        return Sealer(
            self.store,
            packet_bucket=PACKET_BUCKET,
            raw_bucket=RAW_BUCKET,
            source_buckets=("provider-drop",),
            max_artifact_bytes=1 << 30,
            produced_by=PRODUCED_BY,
            seal_budget_ms=budget_ms,
            now=lambda: self.now + self.set_forward,
            steady=lambda: self.now,
            observe=lambda packet, order: self.observed.append((packet, order)),
        )

    async def seal(self, order: SealOrder) -> Effects:
        return await self.sealer.handle(incoming(order))

    async def retry(self, effects: Effects, sealer: Sealer | None = None) -> Effects:
        """Hand a retry back when it is due, as the runtime does."""
        record, sealer = as_incoming(one(effects, "seal-retry")), sealer or self.sealer
        self.now += round(sealer.wait_s(record) * 1000)
        return await sealer.handle(record)


def incoming(order: SealOrder) -> Incoming:
    return Incoming("seal-orders", 3, 17, 1_780_512_245_000, order.canonical_call_id.encode(), order.to_bytes())


def as_incoming(record: Outgoing) -> Incoming:
    return Incoming(record.topic, 0, 0, 0, record.key, record.value, record.headers)


def one(effects: Effects, topic: str) -> Outgoing:
    (record,) = (record for record in effects.sends if record.topic == topic)
    return record


def packet_in(effects: Effects, topic: str = "packets") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(one(effects, topic).value or b"")
    return document


def letter_in(effects: Effects) -> DeadLetter:
    return DeadLetter.from_dict(json.loads(one(effects, "dead-letters").value or b""))


def comparable(packet: dict[str, Any]) -> dict[str, Any]:
    """Digests, source positions and what later releases added apart."""
    return {
        **{name: value for name, value in packet.items() if name not in LATER_FIELDS},
        "toolEvidence": [
            {name: value for name, value in tool.items() if name not in LATER_TOOL_FIELDS}
            for tool in packet["toolEvidence"]
        ],
        "redactedTranscriptUri": packet["redactedTranscriptUri"].rpartition("/")[0],
        "manifestHash": packet["manifestHash"].partition(":")[0],
        "policy": packet["policy"]["version"],
        "producedBy": packet["producedBy"]["version"],
        "evidence": [(entry["kind"], entry["eventId"]) for entry in packet["evidence"]],
    }


@pytest.fixture(params=[CONTRACT, SHARED_CONTRACT], ids=["own copy", "shared"])
def expected(request: pytest.FixtureRequest) -> dict[str, Any]:
    home: Path = request.param
    if not home.is_dir():
        pytest.skip(f"the contract is not at {home}; the project's own copy is tested in any case")
    document: dict[str, Any] = json.loads((home / "packet.json").read_bytes())
    return document


async def test_the_contracts_inputs_give_the_contracts_packet(expected: dict[str, Any]) -> None:
    world = World()
    effects = await world.seal(contract_order())
    assert [record.topic for record in effects.sends] == ["packets"]
    packet = packet_in(effects)
    assert comparable(packet) == comparable(expected)
    assert set(packet) - set(LATER_FIELDS) == set(expected)
    record = effects.sends[0]
    assert record.key == b"call_2026_06_03_1842"
    assert dict(record.headers)["ce_id"] == b"call_2026_06_03_1842/1"
    assert dict(record.headers)["ce_time"] == b"2026-06-03T18:44:02.000Z"
    assert [(seen.packet_id, order.version) for seen, order in world.observed] == [("call_2026_06_03_1842/1", 1)]


async def test_what_lies_in_the_store_is_what_the_packet_says() -> None:
    world = World()
    packet = packet_in(await world.seal(contract_order()))
    body = world.store.objects[MANIFEST_URI]
    assert packet["manifestUri"] == MANIFEST_URI
    assert packet["manifestHash"] == f"sha256:{sha256(body).hexdigest()}"
    assert world.store.objects[packet["redactedTranscriptUri"]] == TRANSCRIPT
    found = {one.uri: Digest.of(world.store.objects[one.uri]) for one in read_manifest(body).objects}
    verdict = verify(body, expected_hash=packet["manifestHash"], artifacts=found, policies={}, packet=packet)
    assert verdict.answer("intact") == verdict.answer("complete") == "yes"
    assert len(found) == 5
    stored = {uri for uri in world.store.objects if uri.startswith(OWN)}
    assert stored == {MANIFEST_URI, *(uri for uri in found if uri != AUDIO_URI)}
    # The manifest is the commit, so it is written last of all.
    assert [uri for operation, uri in world.store.calls if operation == "put_once"][-1] == MANIFEST_URI


async def test_the_recording_is_never_read_whole_or_copied() -> None:
    world = World()
    await world.seal(contract_order())
    assert [operation for operation, uri in world.store.calls if uri == AUDIO_URI] == ["digest"]
    assert all(len(body) != AUDIO_SIZE for uri, body in world.store.objects.items() if uri.startswith(OWN))


async def test_the_same_order_again_publishes_the_same_bytes_and_writes_nothing_new() -> None:
    world = World()
    first = await world.seal(contract_order())
    before = dict(world.store.objects)
    again = await world.another().handle(incoming(contract_order()))
    assert again == first
    assert world.store.objects == before


async def test_whoever_comes_second_adopts_what_was_committed_even_if_a_source_changed() -> None:
    world = World()
    first = await world.seal(contract_order())
    del world.store.objects[AUDIO_URI]
    world.store.objects[TRANSCRIPT_URI] = b'[{"speaker":"agent","text":"other"}]'
    impatient = world.another(budget_ms=0)
    assert await impatient.handle(incoming(contract_order())) == first


@pytest.mark.parametrize("error", [ObjectMissing, ObjectDenied, StoreUnavailable, StoreError])
@pytest.mark.parametrize("uri", [TRANSCRIPT_URI, AUDIO_URI])
async def test_a_source_that_cannot_be_read_waits_beside_the_line_and_comes_back(
    uri: str, error: type[StoreError]
) -> None:
    world = World()
    world.store.fail(uri, error)
    waiting = await world.seal(contract_order())
    retry = SealRetry.from_dict(json.loads(one(waiting, "seal-retry").value or b""))
    assert [record.topic for record in waiting.sends] == ["seal-retry"]
    assert one(waiting, "seal-retry").key == b"call_2026_06_03_1842"
    assert (retry.attempt, retry.first_failed_at, retry.not_before) == (1, world.now, world.now + FIRST_WAIT_MS)
    assert retry.order == contract_order()
    assert not any(stored.startswith(OWN) for stored in world.store.objects)
    world.store.heal()
    packet = packet_in(await world.retry(waiting))
    assert packet["status"] == "complete"
    assert packet == packet_in(await World().seal(contract_order()))


async def test_waits_double_and_end_with_the_budget_in_an_honest_packet() -> None:
    world = World()
    world.store.fail(AUDIO_URI, ObjectMissing)
    began, waits = world.now, []
    effects = await world.seal(contract_order())
    while any(record.topic == "seal-retry" for record in effects.sends):
        waits.append(SealRetry.from_dict(json.loads(one(effects, "seal-retry").value or b"")).not_before - world.now)
        effects = await world.retry(effects)
    assert waits == [1000, 2000, 4000, 3000]
    assert world.now - began == BUDGET_MS
    packet = packet_in(effects)
    assert (packet["status"], packet["audioUri"]) == ("incomplete", None)
    assert packet["missing"] == [
        {
            "kind": "recording",
            "reason": "fetch_failed",
            "detail": "there is no such object",
            "expectedFrom": "artifact-ready",
        }
    ]
    assert {gate["gate"]: gate["verdict"] for gate in packet["gates"]}["audio"] == "warn"
    assert packet["redactedTranscriptUri"] is not None


@pytest.mark.parametrize("stated", [{"sha256": "0" * 64}, {"sizeBytes": 7}])
async def test_bytes_that_are_not_the_stated_ones_are_never_used(stated: dict[str, Any]) -> None:
    reference = {"uri": TRANSCRIPT_URI, "redactionState": "redacted", **stated}
    world = World(budget_ms=0)
    packet = packet_in(await world.seal(with_event(contract_order(), "evt-01J9Z0", transcript=reference)))
    assert (packet["redactedTranscriptUri"], packet["missing"][0]["reason"]) == (None, "fetch_failed")
    assert TRANSCRIPT not in [body for uri, body in world.store.objects.items() if uri.startswith(OWN)]


async def test_what_is_too_large_is_named_at_once() -> None:
    world = World()
    small = Sealer(
        world.store, packet_bucket=PACKET_BUCKET, raw_bucket=RAW_BUCKET,
        source_buckets=("provider-drop",), max_artifact_bytes=1000,
        produced_by=PRODUCED_BY, seal_budget_ms=BUDGET_MS, now=lambda: world.now, steady=lambda: world.now,
    )  # fmt: skip
    packet = packet_in(await small.handle(incoming(contract_order())))
    assert [(gap["kind"], gap["reason"]) for gap in packet["missing"]] == [("recording", "fetch_failed")]


@pytest.mark.parametrize(
    "reference",
    [
        {"uri": "http://169.254.169.254/latest/meta-data", "redactionState": "redacted"},
        {"uri": "s3://other-tenant/transcript.json", "redactionState": "redacted"},
        {"uri": "s3://review-packets/calls/x", "redactionState": "redacted"},
        {"uri": TRANSCRIPT_URI, "redactionState": "unredacted"},
        {"uri": TRANSCRIPT_URI},
    ],
)
async def test_what_may_not_be_used_is_never_asked_for(reference: dict[str, Any]) -> None:
    world = World()
    packet = packet_in(await world.seal(with_event(contract_order(), "evt-01J9Z0", transcript=reference)))
    assert (packet["status"], packet["redactedTranscriptUri"]) == ("incomplete", None)
    assert [(gap["kind"], gap["reason"]) for gap in packet["missing"]] == [("transcript", "withheld_by_policy")]
    assert reference["uri"] not in [uri for _, uri in world.store.calls]
    assert reference["uri"] not in json.dumps(packet)
    assert TRANSCRIPT not in [body for uri, body in world.store.objects.items() if uri.startswith(OWN)]


async def test_an_unredacted_recording_gets_no_pointer() -> None:
    reference = {"uri": AUDIO_URI, "redactionState": "raw_restricted"}
    world = World()
    packet = packet_in(await world.seal(with_event(contract_order(), "evt-01J9Z3", reference=reference)))
    assert (packet["audioUri"], packet["missing"][0]["reason"]) == (None, "withheld_by_policy")


@pytest.mark.parametrize(
    "transcript",
    [
        b"\xff",
        b'{"turns":[]}',
        b'{"turns":[{"speaker":"a","text":"b","startMs":2},{"speaker":"b","text":"c","startMs":1}]}',
        b'{"Transcript":[{"ParticipantId":"A","Content":"my card is 4111"}],"ContentMetadata":{"Output":"Raw"}}',
    ],
)
async def test_a_transcript_that_cannot_be_shown_blocks_and_is_not_copied(transcript: bytes) -> None:
    world = World({**contract_sources(), TRANSCRIPT_URI: transcript})
    effects = await world.seal(contract_order())
    assert {record.topic for record in effects.sends} == {"packets", "packets-restricted"}
    assert packet_in(effects)["status"] == "blocked"
    assert transcript not in [body for uri, body in world.store.objects.items() if uri.startswith(OWN)]


async def test_a_blocked_packet_leaves_as_a_stub_and_a_restricted_body() -> None:
    item = contract_order().items[0]
    conflict = Conflict(
        event_id=item.event_id, digests=(item.digest, "f" * 64), positions=(item.position, item.position)
    )
    effects = await World().seal(changed(contract_order(), conflicts=(conflict,)))
    stub, body = packet_in(effects), packet_in(effects, "packets-restricted")
    assert (stub["status"], body["status"]) == ("blocked", "blocked")
    assert (stub["redactedTranscriptUri"], stub["audioUri"]) == (None, None)
    assert (stub["toolEvidence"], stub["evaluationResult"], stub["findings"]) == ([], None, [])
    assert body["redactedTranscriptUri"] is not None
    assert body["toolEvidence"][0]["argumentSummary"] == "orderId: string"
    assert stub["manifestHash"] == body["manifestHash"]
    ids = [dict(record.headers)["ce_id"] for record in effects.sends]
    assert ids == [b"call_2026_06_03_1842/1", b"call_2026_06_03_1842/1/restricted"]


async def test_figures_only_ask_for_no_source_and_store_only_the_manifest() -> None:
    order = contract_order()
    order = changed(order, review=order.review.model_copy(update={"export_level": "aggregate_only"}))
    world = World()
    packet = packet_in(await world.seal(order))
    assert (packet["status"], packet["redactionState"]) == ("complete", "aggregate_only")
    assert [uri for _, uri in world.store.calls] == [MANIFEST_URI]


def second_version() -> SealOrder:
    return changed(
        contract_order(),
        version=2,
        order_id="call_2026_06_03_1842/2",
        supersedes=Supersedes(version=1, reason="late_evidence"),
    )


async def test_a_later_version_lies_beside_the_first_and_names_its_hash() -> None:
    world = World()
    first = packet_in(await world.seal(contract_order()))
    # The second version knows the call's end better: another day, the same place.
    second = packet_in(await world.seal(changed(second_version(), ended_at=contract_order().ended_at + DAY_MS)))
    assert second["supersedes"] == {
        "version": 1,
        "manifestHash": first["manifestHash"],
        "reason": "late_evidence",
    }
    assert second["manifestUri"] == MANIFEST_URI.replace("/v1/", "/v2/")
    assert second["status"] == "complete"


async def test_a_version_waits_for_the_one_it_supersedes() -> None:
    world = World()
    waiting = await world.seal(second_version())
    assert "superseded" in SealRetry.from_dict(json.loads(one(waiting, "seal-retry").value or b"")).failure
    first = packet_in(await world.seal(contract_order()))
    second = packet_in(await world.retry(waiting))
    assert second["supersedes"]["manifestHash"] == first["manifestHash"]


async def test_a_version_whose_predecessor_never_comes_is_blocked() -> None:
    packet = packet_in(await World(budget_ms=0).seal(second_version()), "packets-restricted")
    assert packet["status"] == "blocked"
    assert {gate["gate"]: gate["verdict"] for gate in packet["gates"]}["manifest"] == "block"


def late_order(*, kinds: tuple[str, ...] = ("call",)) -> SealOrder:
    """Version 1 once more, made of evidence at other positions: the join had forgotten the call."""
    order = contract_order()
    items = tuple(
        item.model_copy(
            update={
                "position": item.position.model_copy(update={"offset": item.position.offset + 9000}),
                "event_id": f"{item.event_id}-late",
            }
        )
        for item in order.items
        if item.kind in kinds
    )
    return changed(order, items=items, completed_by="deadline", missing=(Missing(kind="trace", reason="never_seen"),))


async def test_evidence_for_a_call_sealed_in_an_earlier_life_is_late_and_never_a_second_version_1() -> None:
    world = World()
    await world.seal(contract_order())
    before = dict(world.store.objects)
    effects = await world.seal(late_order())
    letter = letter_in(effects)
    assert [record.topic for record in effects.sends] == ["dead-letters"]
    assert (letter.reason, letter.stage, letter.position.offset) == ("late", "seal", 17)
    assert b64decode(letter.body or "") == late_order().to_bytes()
    assert world.store.objects[MANIFEST_URI] == before[MANIFEST_URI]


async def test_late_evidence_without_a_call_ended_finds_the_earlier_life_on_another_day() -> None:
    world = World()
    await world.seal(contract_order())
    order = changed(late_order(kinds=("evaluation",)), ended_at=contract_order().ended_at + DAY_MS)
    assert letter_in(await world.seal(order)).reason == "late"


async def test_two_orders_for_one_version_of_one_life_are_a_conflict_with_an_alert() -> None:
    world = World()
    first = await world.seal(contract_order())
    before = dict(world.store.objects)
    effects = await world.seal(with_event(contract_order(), "evt-01J9Z5", score=0.99))
    assert letter_in(effects).reason == "order_conflict"
    alert = JoinAlert.from_dict(json.loads(one(effects, "join-alerts").value or b""))
    assert (alert.kind, alert.state, alert.canonical_call_id) == ("identity_conflict", "firing", "call_2026_06_03_1842")
    assert format_instant(alert.raised_at) == "2026-06-03T18:44:02.000Z"
    assert world.store.objects[MANIFEST_URI] == before[MANIFEST_URI]
    assert await world.seal(contract_order()) == first


async def test_something_else_at_the_manifests_place_is_a_conflict() -> None:
    world = World({**contract_sources(), MANIFEST_URI: b"not a manifest"})
    effects = await world.seal(contract_order())
    assert letter_in(effects).reason == "order_conflict"
    assert world.store.objects[MANIFEST_URI] == b"not a manifest"


@pytest.mark.parametrize("error", [StoreUnavailable, ObjectDenied, ObjectMissing, StoreError])
@pytest.mark.parametrize("prefix", [f"{OWN}artifacts/", f"{OWN}calls/"])
async def test_our_own_store_failing_pauses_the_stage_and_loses_nothing(prefix: str, error: type[StoreError]) -> None:
    world = World()
    world.store.fail(prefix, error, times=1, operation="put_once")
    with pytest.raises(StoreUnavailable):
        await world.seal(contract_order())
    assert packet_in(await world.seal(contract_order())) == packet_in(await World().seal(contract_order()))


async def test_our_own_store_failing_while_reading_pauses_too() -> None:
    world = World()
    await world.seal(contract_order())
    world.store.fail(MANIFEST_URI, ObjectDenied, operation="get")
    for order in (contract_order(), second_version()):
        with pytest.raises(StoreUnavailable):
            await world.seal(order)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}", b'{"schemaVersion":2}', b'{"a":1,"a":1}'])
@pytest.mark.parametrize("topic", ["seal-orders", "seal-retry"])
async def test_what_is_no_order_is_a_dead_letter(topic: str, value: bytes | None) -> None:
    record = Incoming(topic, 1, 2, 3, b"key", value)
    sealer = World().sealer
    assert sealer.wait_s(record) == 0
    effects = await sealer.handle(record)
    letter = letter_in(effects)
    assert (letter.reason, letter.stage) == ("invalid_internal", "seal")
    assert (letter.position.topic, letter.position.partition, letter.position.offset) == (topic, 1, 2)
    assert one(effects, "dead-letters").key == b"key"


async def test_a_number_without_canonical_form_is_a_dead_letter() -> None:
    effects = await World().seal(with_event(contract_order(), "evt-01J9Z2", latencyMs=2**60))
    assert letter_in(effects).reason == "invalid_internal"


async def test_an_orphan_and_a_call_without_any_source_are_sealed() -> None:
    gaps = (Missing(kind="call", reason="never_seen"), Missing(kind="transcript", reason="never_seen"))
    order = without(contract_order(), "call", "transcript", "recording")
    packet = packet_in(await World({}).seal(changed(order, missing=gaps, completed_by="orphan_deadline")))
    assert (packet["status"], packet["completedBy"]) == ("blocked", "orphan_deadline")
    review = order.review.model_copy(update={"required": ("call", "transcript", "evaluation")})
    packet = packet_in(await World({}).seal(changed(order, missing=gaps, review=review)))
    assert packet["status"] == "incomplete"


def test_only_retries_wait() -> None:
    world = World()
    assert world.sealer.wait_s(incoming(contract_order())) == 0
    retry = SealRetry(
        attempt=1, first_failed_at=world.now, not_before=world.now + 77, failure="x", order=contract_order()
    )
    assert world.sealer.wait_s(Incoming("seal-retry", 0, 0, 0, b"k", retry.to_bytes())) == 0.077


@pytest.mark.parametrize("jump", [-10 * DAY_MS, -1500, 1500, 10 * DAY_MS])
async def test_a_wall_clock_that_is_set_neither_moves_a_try_nor_spends_the_budget(jump: int) -> None:
    world = World()
    world.store.fail(AUDIO_URI, ObjectMissing)
    began, tries = world.now, []
    effects = await world.seal(contract_order())
    while any(record.topic == "seal-retry" for record in effects.sends):
        world.set_forward += jump
        effects = await world.retry(effects)
        tries.append(world.now - began)
    assert tries == [1000, 3000, 7000, BUDGET_MS]
    assert packet_in(effects)["missing"][0]["reason"] == "fetch_failed"


async def test_what_fails_only_in_the_last_try_is_not_called_missing_for_another_s_budget() -> None:
    world = World()
    world.store.fail(AUDIO_URI, ObjectMissing)
    began, effects = world.now, await world.seal(contract_order())
    while world.now - began < BUDGET_MS:
        if world.now - began == 7000:  # The next try is the last of the budget.
            world.store.fail(TRANSCRIPT_URI, StoreUnavailable, times=1)
        effects = await world.retry(effects)
    packet = packet_in(await world.retry(effects))
    assert [gap["kind"] for gap in packet["missing"]] == ["recording"]
    assert packet["redactedTranscriptUri"] is not None


@pytest.mark.parametrize("jump", [-10 * DAY_MS, 0])
async def test_the_budget_goes_on_in_another_process_and_ends_there_too(jump: int) -> None:
    world = World()
    world.store.fail(AUDIO_URI, ObjectMissing)
    began = world.now
    effects = await world.retry(await world.retry(await world.seal(contract_order())))
    world.set_forward += jump
    other = world.another()
    while any(record.topic == "seal-retry" for record in effects.sends):
        effects = await world.retry(effects, other)
    assert packet_in(effects)["status"] == "incomplete"
    # A clock set back hides the last wait, not those before it.
    assert BUDGET_MS <= world.now - began <= BUDGET_MS + (4000 if jump else 0)


async def test_a_manifest_made_here_and_the_same_one_read_back_give_the_same_packet() -> None:
    late = second_version()
    for order in (contract_order(), late, without(contract_order(), "call", "transcript", "recording")):
        world = World()
        if order is late:
            await world.seal(contract_order())
        made, read = await world.seal(order), await world.seal(order)
        assert any(record.topic == "packets" for record in made.sends)
        assert made == read


async def test_a_manifest_is_signed_before_it_is_committed_and_an_adopted_one_is_not_signed_again() -> None:
    signer, store = Ed25519Signer.generate(), InMemoryObjectStore(contract_sources())

    def sealer(sign: attestation.Sign | None) -> Sealer:
        return Sealer(
            store, packet_bucket=PACKET_BUCKET, raw_bucket=RAW_BUCKET,
            source_buckets=("provider-drop",), max_artifact_bytes=1 << 30,
            produced_by=PRODUCED_BY, seal_budget_ms=0, now=lambda: 0, steady=lambda: 0, sign=sign,
        )  # fmt: skip

    record = Incoming("seal-orders", 0, 0, 0, b"k", contract_order().to_bytes())
    effects = await sealer(signer).handle(record)
    [manifest_uri] = [uri for uri in store.objects if uri.endswith("/manifest.json")]
    body = store.objects[manifest_uri]
    place = attestation.signature_uri(manifest_uri, hash_of(body))
    puts = [uri for operation, uri in store.calls if operation == "put_once"]
    assert puts.index(place) < puts.index(manifest_uri)
    trusted = (attestation.TrustedKey(signer.key_id, signer.public_key),)
    attestation.check_manifest(read_manifest(body), hash_of(body), store.objects[place], trusted, check)
    envelope = store.objects[place]
    assert await sealer(Ed25519Signer.generate()).handle(record) == effects
    assert store.objects[place] == envelope
