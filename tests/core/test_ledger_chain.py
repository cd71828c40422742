"""What was removed, altered, or put in is named: a packet, an entry, the end, a signature."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_app.core.canonical import canonical_bytes
from stream_app.core.ledger import HOUR_MS, LedgerEntry, SealedPacket, entry_of
from stream_app.core.ledger_chain import Head, InCopy, LedgerVerdict, heads_of, judge, read_heads
from stream_app.engines.signing import Ed25519Signer, check
from tests.tools.sealed_copy import SIGNER, TRUSTED


def chain(partition: int = 0, entries: int = 4, each: int = 3) -> list[LedgerEntry]:
    made: list[LedgerEntry] = []
    for number in range(entries):
        packets = [
            SealedPacket(
                offset=number * each + place,
                packet_id=f"call-{partition}-{number}-{place}/1",
                manifest_hash=f"sha256:{number:032x}{place:032x}",
            )
            for place in range(each)
        ]
        before = made[-1].root if made else None
        made.append(entry_of(partition, number, number * HOUR_MS, packets, before, SIGNER))
    return made


def written(entries: list[LedgerEntry]) -> list[bytes]:
    return [canonical_bytes(entry.to_dict()) for entry in entries]


def copy_of(entries: list[LedgerEntry]) -> list[InCopy]:
    return [InCopy(one.packet_id, one.manifest_hash, entry.hour) for entry in entries for one in entry.sealed]


def judged(records: list[bytes], **more: Any) -> LedgerVerdict:
    return judge(records, TRUSTED, check, **{"packets": copy_of(chain()), **more})


def test_a_whole_chain_has_no_problem() -> None:
    verdict = judged(written(chain()), heads=heads_of(chain()))
    assert verdict == LedgerVerdict((), (), 4)


def test_partitions_are_chains_of_their_own() -> None:
    both = [*chain(0), *chain(1, 2)]
    packets = copy_of(both)
    assert judge(written(both), TRUSTED, check, packets=packets).problems == ()


def test_a_removed_packet_is_named() -> None:
    packets = [one for one in copy_of(chain()) if one.packet_id != "call-0-2-1/1"]
    (problem,) = judged(written(chain()), packets=packets).problems
    assert problem.startswith("call-0-2-1/1: ledger 0/2 knows it")
    assert "not in the copy" in problem


def test_a_part_of_the_calls_lacks_nothing_but_versions_of_its_own() -> None:
    some = copy_of(chain())[:2]
    assert judged(written(chain()), packets=some, whole=False).problems == ()
    assert len(judged(written(chain()), packets=some, whole=True).problems) == 10


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_removed_hour_is_named(gone: int) -> None:
    entries = chain()
    problems = judged(written(entries[:gone] + entries[gone + 1 :])).problems
    assert any(problem.startswith(f"ledger 0: entry {gone} is not there") for problem in problems)


def test_a_removed_end_is_named_by_a_head_and_by_packets() -> None:
    cut = written(chain()[:3])
    assert (
        "ledger 0: its end is missing: it stops at 2, and had come to 3"
        in judged(cut, heads=heads_of(chain())).problems
    )
    verdict = judged(cut)
    assert verdict.problems == ()
    assert [one.split(":")[0] for one in verdict.uncovered] == ["call-0-3-0/1", "call-0-3-1/1", "call-0-3-2/1"]
    empty = judged([], heads=[Head(0, 3, "x")], packets=())
    assert empty.problems == ("ledger 0: its end is missing: it stops at -1, and had come to 3",)


def test_a_packet_that_every_chain_has_long_passed_and_is_in_no_entry_is_a_problem() -> None:
    long = chain(entries=30)
    slipped_in = InCopy("call-new/1", "sha256:" + "9" * 64, 4 * HOUR_MS)
    assert judged(written(long), packets=[*copy_of(long), slipped_in]).problems == (
        "call-new/1: no entry of the ledger knows it",
    )


@pytest.mark.parametrize(
    ("entries", "sealed_at"),
    [([*chain(0, 30), *chain(1, 2)], 4 * HOUR_MS), (chain(entries=30), 29 * HOUR_MS - 100)],
    ids=["its partition may be the one that is behind", "ordered in one hour, in the log in the next"],
)
def test_a_packet_that_may_still_come_to_an_entry_is_unproved_and_no_problem(
    entries: list[LedgerEntry], sealed_at: int
) -> None:
    waits = InCopy("call-new/1", "sha256:" + "9" * 64, sealed_at)
    verdict = judged(written(entries), packets=[*copy_of(entries), waits])
    assert verdict.problems == ()
    assert verdict.uncovered == ("call-new/1: no entry of the ledger covers it yet",)


def test_another_manifest_under_a_known_packet_is_a_problem() -> None:
    first, *rest = copy_of(chain())
    other = InCopy(first.packet_id, "sha256:" + "9" * 64, first.sealed_at)
    assert (
        f"{first.packet_id}: the ledger knows it with another manifest"
        in judged(written(chain()), packets=[other, *rest]).problems
    )


def altered(change: dict[str, Any], resign: bool = False) -> list[bytes]:
    entries = chain()
    document = {**entries[1].to_dict(), **change}
    if resign:  # By one who can make roots, and has no key.
        entry = LedgerEntry.from_dict(document)
        made = entry_of(0, entry.number, entry.hour, entry.sealed, entry.previous_root, Ed25519Signer.generate())
        document = made.to_dict()
    return [canonical_bytes(entries[0].to_dict()), canonical_bytes(document), *written(entries[2:])]


@pytest.mark.parametrize(
    "change",
    [{"hour": "1970-01-01T01:00:00.001Z"}, {"packets": 2}, {"lastOffset": 9}, {"sealed": []}, {"previousRoot": None},
     {"root": "sha256:" + "0" * 64}, {"partition": 3}, {"number": 2}, {"signature": ""}, {"schemaVersion": 2}],
)  # fmt: skip
def test_whatever_is_altered_is_named(change: dict[str, Any]) -> None:
    assert judged(altered(change)).problems


def test_an_entry_made_anew_breaks_the_next_one_and_has_no_trusted_signature() -> None:
    packets = chain()[1].to_dict()["sealed"][:2]
    problems = judged(altered({"sealed": packets}, resign=True)).problems
    assert "ledger 0/1: no key that is trusted here signed it" in problems
    assert "ledger 0/2: it follows on another entry 1 than the one that is there" in problems
    assert any(problem.startswith("call-0-1-2/1: no entry") for problem in problems)


def test_what_is_no_entry_is_named_by_its_place() -> None:
    for body in (b"", b"{}", b"[]", b"\xff", json.dumps(chain()[0].to_dict(), indent=1).encode()[:-1]):
        assert "ledger record 5: not an entry of the ledger" in judged([*written(chain()), body]).problems
    spaced = json.dumps(chain()[0].to_dict(), indent=1).encode()
    assert judged([spaced, *written(chain()[1:])]).problems == ("ledger 0/0: it is not as it was written",)


def test_a_key_is_trusted_for_its_time_only() -> None:
    (key,) = TRUSTED
    late = type(key)(key.key_id, key.public_key, not_before=2 * HOUR_MS)
    problems = judge(written(chain()), (late,), check, packets=copy_of(chain())).problems
    assert [one.split(":")[0] for one in problems] == ["ledger 0/0", "ledger 0/1"]


def test_heads_are_read_as_they_are_written() -> None:
    heads = heads_of([*chain(0), *chain(1, 2)])
    assert [(one.partition, one.number) for one in heads] == [(0, 3), (1, 1)]
    body = json.dumps({"heads": [vars_of(one) for one in heads]}).encode()
    assert read_heads(body) == heads
    with pytest.raises(ValueError, match="no heads"):
        read_heads(b"[]")


def vars_of(head: Head) -> dict[str, Any]:
    return {"partition": head.partition, "number": head.number, "root": head.root}
