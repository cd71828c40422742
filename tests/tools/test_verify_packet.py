"""Two verifiers that share no code: every seeded change is found by both, they agree, and name what was touched."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import rfc8785

from stream_app import policy_file
from stream_app.core import copies
from stream_app.core.attestation import TrustedKey
from stream_app.core.canonical import canonical_bytes
from stream_app.engines.signing import Ed25519Signer, check, trust_document
from tests.tools.sealed_copy import SIGNER, TRUST, TRUSTED, sealed
from tools import verify_packet

KINDS = ("bit", "field", "file", "order", "missing")
POLICIES = {policy_file.default_policy().sha256: policy_file.default_policy()}


def mutated(kind: str, seed: int) -> tuple[dict[str, bytes], str]:
    """(the copy with one change, the file that was touched)."""
    dice = random.Random(f"{kind}/{seed}")
    files = dict(sealed())
    name = dice.choice(sorted(files))
    if kind in ("field", "order"):
        name = dice.choice([one for one in sorted(files) if one.endswith(("manifest.json", ".dsse.json"))])
    body = files[name]
    if kind == "bit":
        place = dice.randrange(len(body) * 8)
        files[name] = body[: place // 8] + bytes([body[place // 8] ^ 1 << place % 8]) + body[place // 8 + 1 :]
    elif kind == "field":
        document = json.loads(body)
        field = dice.choice(sorted(document))
        document[field] = dice.choice(["x", seed, None if document[field] is not None else "y", [seed]])
        files[name] = canonical_bytes(document)
    elif kind == "order":
        document = json.loads(body)
        lists = [field for field, value in document.items() if isinstance(value, list) and len(value) > 1]
        if lists and seed % 2:
            document[dice.choice(lists)].reverse()
            files[name] = canonical_bytes(document)
        else:
            entries = list(document.items())
            turn = dice.randrange(1, len(entries))
            files[name] = json.dumps(dict(entries[turn:] + entries[:turn]), separators=(",", ":")).encode()
    elif kind == "file":
        other = dice.choice([one for one in sorted(files) if one != name])
        files[name] = dice.choice([files[other], b"", body + b"\n", body[:-1]])
    else:
        del files[name]
    return files, name


def assert_found(kind: str, seed: int) -> None:
    files, name = mutated(kind, seed)
    ours, theirs = copies.judge(files, TRUSTED, check, POLICIES), verify_packet.examine(files, TRUST)
    assert ours.intact == theirs["intact"] == "no", (kind, seed, name)
    for problems in (ours.problems, theirs["problems"]):
        assert any(name in problem for problem in problems), (kind, seed, name, problems)


def test_an_untouched_copy_is_intact_for_both() -> None:
    ours, theirs = copies.judge(sealed(), TRUSTED, check, POLICIES), verify_packet.examine(sealed(), TRUST)
    assert (ours.intact, ours.complete, ours.policy, ours.problems) == ("yes", "yes", "yes", ())
    assert (theirs["intact"], theirs["complete"], theirs["problems"]) == ("yes", "yes", [])


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_changes_of_each_kind_are_found_by_both_and_named(kind: str) -> None:
    for seed in range(200):
        assert_found(kind, seed)


def test_a_key_that_the_copy_brings_along_is_not_taken() -> None:
    files = {**sealed(), "trusted-keys.json": TRUST}
    stranger = Ed25519Signer.generate()
    mine = (TrustedKey(stranger.key_id, stranger.public_key),)
    assert copies.judge(sealed(), mine, check, {}).intact == "no"
    assert copies.judge(sealed(), (), check, {}).intact == "unproved"
    assert verify_packet.examine(files, json.dumps(trust_document(mine)).encode())["intact"] == "no"


def test_the_curve_is_that_of_rfc_8032() -> None:
    for length in (0, 1, 100):
        key_id, signature = SIGNER(bytes(length))
        assert key_id == SIGNER.key_id
        assert verify_packet.ed25519(SIGNER.public_key, signature, bytes(length))
        assert not verify_packet.ed25519(SIGNER.public_key, signature, bytes(length + 1))
        assert not verify_packet.ed25519(SIGNER.public_key, signature[:-1] + b"\xff", bytes(length))


@pytest.mark.parametrize("name", ["complete", "incomplete", "blocked-version-2"])
def test_golden_manifests_are_canonical_for_two_foreign_canonicalisers(name: str) -> None:
    body = (Path(__file__).parents[1] / "data" / "golden" / f"{name}.manifest.json").read_bytes()
    document = json.loads(body)
    assert verify_packet.canonical(document) == rfc8785.dumps(document) == body


@pytest.mark.parametrize("number", [0.42, 1e-7, 1e21, 1.5e-9, 123456.789, 1e-6, -0.000001, 5e-324, 1e300, -0.0, 1.0])
def test_numbers_are_written_as_the_rfc_asks(number: float) -> None:
    assert verify_packet.canonical([number]) == rfc8785.dumps([number])
