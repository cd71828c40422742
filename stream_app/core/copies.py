"""The only place that judges a copy of packets: every file accounted for, every manifest signed, every chain whole.

A copy has the bucket's own layout (`docs/verification.md`). Pure: names and bytes in, problems out, each naming a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from stream_app.core import attestation, verification
from stream_app.core.attestation import AttestationError, Check, TrustedKey
from stream_app.core.canonical import hash_of
from stream_app.core.chain import Link, problems_of
from stream_app.core.ledger_chain import InCopy
from stream_app.core.manifest import MAX_MANIFEST_BYTES, ManifestError, encoded_call_id, read_manifest
from stream_app.core.policy import Policy
from stream_app.core.verification import Answer, Digest, Unread

MANIFEST = "manifest.json"
ARTIFACTS = "artifacts/sha256/"


@dataclass(frozen=True, slots=True)
class CopyVerdict:
    """Three answers over all packets of the copy, and what is wrong, each line beginning with the file it is about."""

    intact: Answer
    complete: Answer
    policy: Answer
    packets: int
    problems: tuple[str, ...]


def judge(
    files: Mapping[str, bytes], trusted: tuple[TrustedKey, ...], check: Check, policies: Mapping[str, Policy]
) -> CopyVerdict:
    """Judge a copy by the keys that are trusted; without a key nothing is proved."""
    problems: list[str] = []
    links: list[Link] = []
    used: set[str] = set()
    answers: dict[str, list[Answer]] = {"complete": [], "policy": []}
    manifests = sorted(name for name in files if name.rpartition("/")[2] == MANIFEST)
    for name in manifests:
        used.add(name)
        body, place = files[name], name.rpartition("/")[0]
        try:
            if len(body) > MAX_MANIFEST_BYTES:
                raise ManifestError("larger than any manifest")
            manifest = read_manifest(body)
        except ManifestError as error:
            problems.append(f"{name}: {error}")
            answers["complete"].append("no")
            answers["policy"].append("no")
            continue
        actual = hash_of(body)
        links.append(Link(name, actual, manifest))
        if f"/{place}".rpartition("/calls/")[2].partition("/")[2] != (
            f"{encoded_call_id(manifest.canonical_call_id)}/v{manifest.version}"
        ):
            problems.append(f"{name}: it is not the manifest of this place")
        envelope = f"{place}/signatures/{actual.removeprefix('sha256:')}.dsse.json"
        used.add(envelope)
        if envelope not in files:
            problems.append(f"{envelope}: missing, {name} has no signature for its bytes")
        elif trusted:
            try:
                attestation.check_manifest(manifest, actual, files[envelope], trusted, check)
            except AttestationError as error:
                problems.append(f"{envelope}: {error}")
        found: dict[str, Digest | Unread] = {}
        for one in manifest.objects:
            if "/artifacts/sha256/" not in one.uri:
                continue
            key = ARTIFACTS + one.uri.rpartition("/")[2]
            used.add(key)
            if key in files:
                found[one.uri] = Digest.of(files[key])
            else:
                found[one.uri] = Unread("it is not in the copy", absent=True)
                problems.append(f"{key}: missing ({one.name} of {name})")
        verdict = verification.verify(body, expected_hash=actual, artifacts=found, policies=policies)
        problems += [f"{name}: {one.name}: {one.detail}" for one in verdict.intact
                     if one.answer == "no" and not one.name.startswith("artifact ")]  # fmt: skip
        answers["complete"].append(verdict.answer("complete"))
        answers["policy"].append(verdict.answer("policy"))
    for name in sorted(files):
        if name.startswith(ARTIFACTS) and sha256(files[name]).hexdigest() != name.removeprefix(ARTIFACTS):
            problems.append(f"{name}: its bytes are not those it is named by")
        if name not in used:
            place, between, _ = name.partition("/signatures/")
            if between and f"{place}/{MANIFEST}" not in files:
                problems.append(f"{place}/{MANIFEST}: missing, {name} is a signature of it")
            elif not between or not any(one.startswith(f"{place}/signatures/") and one in files for one in used):
                # Beside the manifest's own a further signature is that of a sealer that came second.
                problems.append(f"{name}: belongs to no manifest here")
    problems += problems_of(links)
    intact: Answer = "no" if problems else "yes" if trusted and manifests else "unproved"
    return CopyVerdict(
        intact, _all(answers["complete"]), _all(answers["policy"]), len(manifests), tuple(dict.fromkeys(problems))
    )


def packets_in(files: Mapping[str, bytes]) -> list[InCopy]:
    """The packet versions of the copy, for the ledger to compare with; what is no manifest `judge` has named."""
    found = []
    for name, body in sorted(files.items()):
        if name.rpartition("/")[2] == MANIFEST and len(body) <= MAX_MANIFEST_BYTES:
            try:
                manifest = read_manifest(body)
            except ManifestError:
                continue
            found.append(InCopy(manifest.packet_id, hash_of(body), manifest.sealed_at))
    return found


def _all(answers: list[Answer]) -> Answer:
    if "no" in answers:
        return "no"
    return "unproved" if "unproved" in answers or not answers else "yes"
