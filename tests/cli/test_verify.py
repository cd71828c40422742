"""`stream-app verify`: exit statuses, three answers, offline on files and against object storage."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from stream_app import app, policy_file
from stream_app.__main__ import cli
from stream_app.core.orders import SealOrder
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Incoming, ObjectDenied, ObjectStore, StoreUnavailable
from stream_app.pipeline.seal import Sealer
from stream_app.settings import Settings
from tests.examples import AUDIO_URI, PACKET_BUCKET, PRODUCED_BY, RAW_BUCKET, changed, contract_order, contract_sources
from tests.fakes import InMemoryObjectStore

MANIFEST_URI = "s3://review-packets/calls/2026-06-03/call_2026_06_03_1842/v1/manifest.json"


async def seal_into(store: ObjectStore, order: SealOrder | None = None) -> dict[str, Any]:
    """Seal the contract's call (or another order); returns its packet."""
    sealer = Sealer(
        store, packet_bucket=PACKET_BUCKET, raw_bucket=RAW_BUCKET,
        source_buckets=("provider-drop",), max_artifact_bytes=1 << 30,
        produced_by=PRODUCED_BY, seal_budget_ms=0, now=lambda: 0, steady=lambda: 0,
    )  # fmt: skip
    effects = await sealer.handle(Incoming("seal-orders", 0, 0, 0, b"k", (order or contract_order()).to_bytes()))
    document: dict[str, Any] = json.loads(effects.sends[0].value or b"")
    return document


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore(contract_sources())


@pytest.fixture
def packet(store: InMemoryObjectStore) -> dict[str, Any]:
    return asyncio.run(seal_into(store))


@pytest.fixture
def copy(store: InMemoryObjectStore, packet: dict[str, Any], tmp_path: Path) -> Path:
    """A download of the packet bucket, with the packet beside its manifest."""
    for uri, body in store.objects.items():
        if uri != AUDIO_URI:
            place = tmp_path / uri.removeprefix("s3://").partition("/")[2]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
    (manifest_in(tmp_path).parent / "packet.json").write_text(json.dumps(packet, indent=2), encoding="utf-8")
    return tmp_path


def manifest_in(copy: Path) -> Path:
    return copy / "calls/2026-06-03/call_2026_06_03_1842/v1/manifest.json"


def packet_file(copy: Path) -> Path:
    return manifest_in(copy).parent / "packet.json"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["verify", *map(str, arguments)])


def test_help_says_what_the_exit_statuses_mean() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "Exit status: 0 intact" in result.stdout


def test_a_packet_its_manifest_and_its_artifacts_verify_offline(copy: Path) -> None:
    result = run(packet_file(copy), "--artifacts", copy, "--require", "complete,policy")
    assert result.exit_code == 0, result.output
    assert "intact: yes" in result.stdout
    assert "complete: yes" in result.stdout
    assert "policy satisfied: yes" in result.stdout


def test_sha256sum_agrees_on_the_stored_file(copy: Path, packet: dict[str, Any]) -> None:
    said = subprocess.run(["sha256sum", manifest_in(copy)], capture_output=True, check=True, text=True).stdout
    assert packet["manifestHash"] == f"sha256:{said.split()[0]}"
    assert run(manifest_in(copy), "--hash", f"sha256:{said.split()[0]}").exit_code == 0


def test_a_manifest_alone_cannot_prove_itself(copy: Path) -> None:
    result = run(manifest_in(copy))
    assert result.exit_code == 1
    assert "intact: unproved" in result.stdout


@pytest.mark.parametrize("change", [bytes.swapcase, lambda body: body + b"\n", lambda body: body.replace(b":", b": ")])
def test_a_changed_or_reformatted_manifest_exits_with_1(copy: Path, change: Callable[[bytes], bytes]) -> None:
    manifest_in(copy).write_bytes(change(manifest_in(copy).read_bytes()))
    result = run(packet_file(copy))
    assert result.exit_code == 1
    assert "intact: NO" in result.stdout


def test_a_flipped_byte_in_any_artifact_exits_with_1(copy: Path) -> None:
    artifacts = sorted((copy / "artifacts" / "sha256").iterdir())
    assert len(artifacts) == 4
    for path in artifacts:
        body = path.read_bytes()
        path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
        result = run(packet_file(copy), "--artifacts", copy)
        assert result.exit_code == 1
        assert result.stdout.count("NO ") == 1
        path.write_bytes(body)
    artifacts[0].unlink()
    assert run(packet_file(copy), "--artifacts", copy).exit_code == 1


def test_a_changed_packet_exits_with_1(copy: Path, packet: dict[str, Any]) -> None:
    packet_file(copy).write_text(json.dumps({**packet, "status": "incomplete"}), encoding="utf-8")
    result = run(packet_file(copy))
    assert result.exit_code == 1
    assert "differs in status" in result.stdout


def test_what_is_required_counts_for_the_exit_status(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(policy_file.default_text().replace("15m", "14m"), encoding="utf-8")
    manifest = manifest_in(copy)
    document = json.loads(manifest.read_bytes())
    document["policy"]["sha256"] = "0" * 64
    manifest.write_text(
        json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False), encoding="utf-8"
    )
    said = subprocess.run(["sha256sum", manifest], capture_output=True, check=True, text=True).stdout.split()[0]
    assert run(manifest, "--hash", f"sha256:{said}").exit_code == 0
    result = run(manifest, "--hash", f"sha256:{said}", "--require", "policy", "--policy", tmp_path / "own.yaml")
    assert result.exit_code == 1
    assert "is not known here" in result.stdout


def test_json_is_for_programs(copy: Path, packet: dict[str, Any]) -> None:
    result = run(packet_file(copy), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["manifestHash"] == packet["manifestHash"]
    assert [document[question]["answer"] for question in ("intact", "complete", "policy")] == ["yes", "yes", "yes"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--hash", "abc"), "64 hexadecimal digits"),
        (("--require", "intact,nothing"), "name some of"),
        (("--artifacts", ".", "--fetch"), "exclude each other"),
        (("--artifacts", "does-not-exist"), "does not exist"),
        (("--nonsense",), "No such option"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_how(copy: Path, arguments: tuple[str, ...], told: str) -> None:
    result = run(manifest_in(copy), *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_packet_without_its_manifest_is_wrong_usage(copy: Path) -> None:
    manifest_in(copy).unlink()
    result = run(packet_file(copy))
    assert result.exit_code == 2
    assert "--manifest" in result.stderr


def test_the_manifest_may_lie_elsewhere(copy: Path, tmp_path: Path) -> None:
    moved = manifest_in(copy).rename(tmp_path / "elsewhere.json")
    assert run(packet_file(copy), "--manifest", moved).exit_code == 0


def test_a_file_that_cannot_be_read_exits_with_3(tmp_path: Path) -> None:
    result = run(tmp_path / "nothing.json")
    assert result.exit_code == 3
    assert "cannot read" in result.stderr
    assert run(tmp_path).exit_code == 3


@pytest.fixture
def connected(store: InMemoryObjectStore, monkeypatch: pytest.MonkeyPatch) -> InMemoryObjectStore:
    """The command's store is the one in memory."""

    @asynccontextmanager
    async def opened(_: Settings) -> AsyncIterator[InMemoryObjectStore]:
        yield store

    monkeypatch.setattr(app, "object_store", opened)
    return store


def test_a_uri_is_fetched_with_its_artifacts(connected: InMemoryObjectStore, packet: dict[str, Any]) -> None:
    connected.calls.clear()
    result = run(MANIFEST_URI, "--hash", packet["manifestHash"], "--require", "complete,policy")
    assert result.exit_code == 0, result.output
    assert [operation for operation, _ in connected.calls] == ["get", *["digest"] * 5]
    connected.calls.clear()
    assert run(MANIFEST_URI, "--hash", packet["manifestHash"], "--no-fetch").exit_code == 0
    assert len(connected.calls) == 1


def test_a_changed_or_deleted_object_exits_with_1(connected: InMemoryObjectStore, packet: dict[str, Any]) -> None:
    body = connected.objects[AUDIO_URI]
    connected.objects[AUDIO_URI] = body[:-1] + b"\x01"
    assert run(MANIFEST_URI, "--hash", packet["manifestHash"]).exit_code == 1
    del connected.objects[AUDIO_URI]
    result = run(MANIFEST_URI, "--hash", packet["manifestHash"])
    assert result.exit_code == 1
    assert "no such object any more" in result.stdout


def test_an_object_that_cannot_be_read_exits_with_3(connected: InMemoryObjectStore, packet: dict[str, Any]) -> None:
    connected.fail(packet["redactedTranscriptUri"], StoreUnavailable)
    result = run(MANIFEST_URI, "--hash", packet["manifestHash"])
    assert result.exit_code == 3
    assert "--no-fetch" in result.stderr
    connected.fail(MANIFEST_URI, StoreUnavailable)
    assert run(MANIFEST_URI, "--hash", packet["manifestHash"]).exit_code == 3
    assert run("s3://review-packets/nothing").exit_code == 3


def test_a_recording_that_the_reader_has_no_access_to_is_said_to_be_unproved(
    connected: InMemoryObjectStore, packet: dict[str, Any]
) -> None:
    connected.fail(AUDIO_URI, ObjectDenied)
    result = run(MANIFEST_URI, "--hash", packet["manifestHash"])
    assert result.exit_code == 0
    assert "unproved artifact audio" in result.stdout


def test_on_the_real_store_two_sealers_at_once_seal_one_packet_that_anybody_can_verify(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = f"call {uuid4()}/ü"
    order = changed(contract_order(), canonical_call_id=call_id, order_id=f"{call_id}/1")

    def act_as(identity: str) -> Settings:
        for name, value in stack.environment(identity).items():
            monkeypatch.setenv(name, value)
        return Settings()

    async def deliver() -> None:
        async with app.object_store(act_as("provider")) as store:
            for uri, body in contract_sources().items():
                await store.put(uri, body, media_type="application/octet-stream")

    async def seal_twice() -> list[dict[str, Any]]:
        async with app.object_store(act_as("sealer")) as store:
            return list(await asyncio.gather(seal_into(store, order), seal_into(store, order)))

    asyncio.run(deliver())
    first, second = asyncio.run(seal_twice())
    assert first == second
    arguments = (first["manifestUri"], "--require", "complete,policy", "--hash")
    for identity in ("sealer", "reviewer"):
        act_as(identity)
        result = run(*arguments, first["manifestHash"])
        assert result.exit_code == 0, result.output
        assert run(*arguments, "sha256:" + "0" * 64).exit_code == 1
    assert "unproved artifact audio" in result.stdout
