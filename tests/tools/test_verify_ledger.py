"""Two verifiers that share no code, beside the ledger: what was taken away or altered is found by both, and named."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from stream_app.core import copies, ledger_chain
from stream_app.core.canonical import canonical_bytes, hash_of
from stream_app.core.instants import parse_instant
from stream_app.core.ledger import HOUR_MS, LedgerEntry, SealedPacket, entry_of
from stream_app.engines.signing import Ed25519Signer, check
from tests.tools.sealed_copy import SIGNER, TRUST, TRUSTED, sealed
from tools import verify_packet

ENTRIES, EACH = 5, 4


def sealed_packet() -> tuple[str, str, int]:
    """(packet ID, manifest hash, sealed at) of the copy's one packet."""
    (body,) = (body for name, body in sealed().items() if name.endswith("manifest.json"))
    manifest = json.loads(body)
    return manifest["packetId"], hash_of(body), parse_instant(manifest["sealedAt"])


def chain(sign: Ed25519Signer = SIGNER) -> list[LedgerEntry]:
    """Five hours; the copy's packet stands in the middle one, the others belong to calls that are not in the copy."""
    packet_id, manifest_hash, at = sealed_packet()
    made: list[LedgerEntry] = []
    for number in range(ENTRIES):
        packets = [
            SealedPacket(offset=number * 9 + place, packet_id=f"other-{number}-{place}/1",
                         manifest_hash=f"sha256:{number:060x}{place:04x}")
            for place in range(EACH)
        ]  # fmt: skip
        if number == 2:
            packets[1] = SealedPacket(offset=packets[1].offset, packet_id=packet_id, manifest_hash=manifest_hash)
        hour = at - at % HOUR_MS + (number - 2) * HOUR_MS
        made.append(entry_of(1, number, hour, packets, made[-1].root if made else None, sign))
    return made


def heads() -> dict[str, Any]:
    last = chain()[-1]
    return {"heads": [{"partition": 1, "number": last.number, "root": last.root}]}


def both(
    records: list[bytes], files: dict[str, bytes], head: dict[str, Any] | None = None, part: bool = True
) -> tuple[list[str], list[str]]:
    """What each verifier has to say, of problems."""
    given = {} if head is None else head
    ours = ledger_chain.judge(
        records, TRUSTED, check, packets=copies.packets_in(files), whole=not part,
        heads=ledger_chain.read_heads(json.dumps(given).encode()) if given else (),
    )  # fmt: skip
    theirs, uncovered = verify_packet.ledger(records, given, files, verify_packet._trusted(TRUST), part)
    assert len(uncovered) == len(ours.uncovered)
    return list(ours.problems), theirs


def written(entries: list[LedgerEntry]) -> list[bytes]:
    return [canonical_bytes(entry.to_dict()) for entry in entries]


def assert_named(found: tuple[list[str], list[str]], name: str) -> None:
    for problems in found:
        assert any(name in problem for problem in problems), (name, problems)


def test_a_whole_ledger_beside_its_packet_has_no_problem() -> None:
    assert both(written(chain()), sealed(), heads()) == ([], [])


@pytest.mark.parametrize("gone", range(ENTRIES - 1))
def test_a_removed_hour_is_named_by_both(gone: int) -> None:
    records = written(chain())
    assert_named(both(records[:gone] + records[gone + 1 :], sealed()), f"entry {gone} is not there")


def test_a_removed_end_is_named_by_both_where_a_head_was_kept() -> None:
    for kept in range(ENTRIES):
        assert_named(both(written(chain()[:kept]), sealed(), heads()), "its end is missing")


def test_a_removed_packet_is_named_by_both() -> None:
    packet_id, _, _ = sealed_packet()
    assert_named(both(written(chain()), {}, part=False), packet_id)
    assert_named(both(written(chain()), sealed(), part=False), "other-4-3/1")


def test_a_packet_that_was_put_in_is_named_by_both() -> None:
    packet_id, _, _ = sealed_packet()
    (place,) = (name for name in sealed() if name.endswith("manifest.json"))
    other = canonical_bytes({**json.loads(sealed()[place]), "queue": "another"})
    assert_named(both(written(chain()), {**sealed(), place: other}), packet_id)


@pytest.mark.parametrize(("hours_behind", "problem"), [(0, False), (25, False), (26, True)])
def test_a_packet_that_no_entry_knows_is_a_problem_for_both_once_the_ledger_is_a_day_further(
    hours_behind: int, problem: bool
) -> None:
    packet_id, _, at = sealed_packet()
    other = SealedPacket(offset=0, packet_id="other/1", manifest_hash="sha256:" + "1" * 64)
    hour = at - at % HOUR_MS + (hours_behind - 1) * HOUR_MS
    found = both(written([entry_of(1, 0, hour, [other], None, SIGNER)]), sealed())
    assert [[one for one in problems if packet_id in one] != [] for problems in found] == [problem, problem]


def test_a_chain_that_somebody_else_made_anew_is_trusted_by_neither() -> None:
    assert_named(both(written(chain(Ed25519Signer.generate())), sealed()), "no key that is trusted")


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_changes_to_entries_are_found_by_both_and_named(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(40):
        records = written(chain())
        number = dice.randrange(ENTRIES)
        document = json.loads(records[number])
        what = dice.choice(["bit", "field", "packet", "order", "signature"])
        if what == "bit":
            place = dice.randrange(len(records[number]) * 8)
            body = bytearray(records[number])
            body[place // 8] ^= 1 << place % 8
            records[number] = bytes(body)
        elif what == "field":
            field = dice.choice(sorted(set(document) - {"topic"}))
            document[field] = dice.choice(["x", 77, [], None if document[field] is not None else "y"])
            records[number] = canonical_bytes(document)
        elif what == "packet":
            del document["sealed"][dice.randrange(EACH)]
            records[number] = canonical_bytes(document)
        elif what == "order":
            document["sealed"].reverse()
            records[number] = canonical_bytes(document)
        else:
            document["signature"] = ""
            records[number] = canonical_bytes(document)
        for problems in both(records, sealed()):
            assert any("ledger" in problem for problem in problems), (seed, what, number, problems)


def test_the_command_of_the_one_file_takes_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, body in sealed().items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(body)
    (tmp_path / "trust.json").write_bytes(TRUST)
    (tmp_path / "head.json").write_text(json.dumps(heads()))
    (tmp_path / "ledger").write_bytes(b"\n".join(written(chain())) + b"\n")
    words = [str(tmp_path / "copy"), "--trust", str(tmp_path / "trust.json"), "--ledger", str(tmp_path / "ledger")]
    assert verify_packet.main([*words, "--ledger-head", str(tmp_path / "head.json"), "--part"]) == 0
    (tmp_path / "ledger").write_bytes(b"\n".join(written(chain()[:-1])) + b"\n")
    assert verify_packet.main([*words, "--ledger-head", str(tmp_path / "head.json"), "--part"]) == 1
    assert "its end is missing" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        verify_packet.main([str(tmp_path / "copy"), "--trust", str(tmp_path / "trust.json"), "--part"])
