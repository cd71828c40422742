"""The only place for judging stored bytes: is a manifest intact, is it complete, does it satisfy its policy?

Three separate answers, for they mean different things to different people: an incomplete packet can be perfectly
intact. Pure and offline: bytes in, verdict out; what could not be looked at is said to be unproved, never fine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

from stream_app.core.artifacts import Artifact
from stream_app.core.canonical import hash_of, is_canonical
from stream_app.core.manifest import ArtifactUris, Manifest, ManifestError, encoded_call_id, read_manifest
from stream_app.core.packet import GateName, Packet
from stream_app.core.policy import Policy
from stream_app.core.publication import is_restricted, packet_document, packet_of, stub_of
from stream_app.core.seal import status_of

Answer = Literal["yes", "no", "unproved"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, or could not be."""

    name: str
    answer: Answer
    detail: str


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 (hex) and size in bytes of an artifact as it lies there."""

    sha256: str
    size: int

    @classmethod
    def of(cls, body: bytes) -> Digest:
        """The digest of these bytes."""
        return cls(sha256(body).hexdigest(), len(body))


@dataclass(frozen=True, slots=True)
class Unread:
    """Why an artifact was not looked at. `absent`: its place was, and it is not there."""

    detail: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three answers, each with its checks."""

    manifest_hash: str
    intact: tuple[Check, ...]
    complete: tuple[Check, ...]
    policy: tuple[Check, ...]

    def answer(self, question: Literal["intact", "complete", "policy"]) -> Answer:
        """No if any check says no; unproved if one that matters could not be made; else yes."""
        checks: tuple[Check, ...] = getattr(self, question)
        if any(check.answer == "no" for check in checks):
            return "no"
        decisive = [check for check in checks if not check.name.startswith("artifact ")]
        return "unproved" if not checks or any(check.answer == "unproved" for check in decisive) else "yes"

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        questions: tuple[Literal["intact", "complete", "policy"], ...] = ("intact", "complete", "policy")
        return {
            "manifestHash": self.manifest_hash,
            **{
                question: {
                    "answer": self.answer(question),
                    "checks": [
                        {"check": check.name, "answer": check.answer, "detail": check.detail}
                        for check in getattr(self, question)
                    ],
                }
                for question in questions
            },
        }


def verify(
    body: bytes,
    *,
    expected_hash: str | None,
    artifacts: Mapping[str, Digest | Unread],
    policies: Mapping[str, Policy],
    packet: dict[str, Any] | None = None,
) -> Verdict:
    """Judge a manifest's stored bytes.

    `expected_hash` is `sha256:<hex>` from a source that is trusted; None leaves `intact` unproved. `artifacts` are by
    URI; one that is not there was not looked at. `policies` are the known ones by SHA-256. `packet` is a published
    packet that must be the one this manifest stands for.
    """
    actual = hash_of(body)
    try:
        manifest = read_manifest(body)
    except ManifestError as error:
        broken = Check("manifest", "no", str(error))
        return Verdict(actual, (_hash(actual, expected_hash), broken), (broken,), (broken,))
    intact = [_hash(actual, expected_hash), _canonical(body), _consistent(manifest)]
    if packet is not None:
        intact.append(_same_packet(manifest, actual, packet))
    intact += [_artifact(one, artifacts.get(one.uri)) for one in manifest.objects]
    return Verdict(actual, tuple(intact), tuple(_complete(manifest)), tuple(_policy(manifest, policies)))


def _hash(actual: str, expected: str | None) -> Check:
    if expected is None:
        return Check("hash", "unproved", "no hash was given to compare with; any packet of this version has it")
    if actual != expected:
        return Check("hash", "no", f"the bytes have {actual}, expected was {expected}")
    return Check("hash", "yes", actual)


def _canonical(body: bytes) -> Check:
    if is_canonical(body):
        return Check("canonical form", "yes", "the bytes are RFC 8785 JSON")
    return Check("canonical form", "no", "the bytes are not RFC 8785 JSON: they were written by something else")


def _consistent(manifest: Manifest) -> Check:
    """Whether the manifest agrees with itself: a forger has to get all of it right."""
    problems = []
    if manifest.packet_id != f"{manifest.canonical_call_id}/{manifest.version}":
        problems.append("packetId is not canonicalCallId/version")
    if manifest.artifacts != ArtifactUris.of(manifest.objects):
        problems.append("artifacts and objects name different addresses")
    problems += [
        f"{one.name} is stored under another digest"
        for one in manifest.objects
        if "/artifacts/sha256/" in one.uri and not one.uri.endswith(f"/{one.sha256}")
    ]
    if manifest.status != status_of(manifest.gates, manifest.missing):
        problems.append(f"gates and missing kinds do not come to the status {manifest.status}")
    return Check("consistency", "no" if problems else "yes", "; ".join(problems) or "the manifest agrees with itself")


def _same_packet(manifest: Manifest, actual: str, packet: dict[str, Any]) -> Check:
    uri = packet.get("manifestUri")
    place = f"/{encoded_call_id(manifest.canonical_call_id)}/v{manifest.version}/manifest.json"
    if not isinstance(uri, str) or not uri.endswith(place):
        return Check("packet", "no", f"its manifestUri does not end with {place}")
    made = packet_of(manifest, uri, actual)
    for version in (made, stub_of(made)) if is_restricted(made) else (made,):
        expected = packet_document(version)
        if packet == expected:
            return Check("packet", "yes", "the packet is the one this manifest stands for")
    expected = packet_document(made)
    names = sorted({*packet, *expected} & {_alias(name) for name in Packet.model_fields})
    different = [name for name in names if packet.get(name, ...) != expected.get(name, ...)]
    unknown = sorted(set(packet) - set(expected))
    said = [f"differs in {', '.join(different)}"] * bool(different) + [f"also has {', '.join(unknown)}"] * bool(unknown)
    return Check("packet", "no", f"the packet {' and '.join(said)}")


def _alias(name: str) -> str:
    return Packet.model_fields[name].alias or name


def _artifact(artifact: Artifact, found: Digest | Unread | None) -> Check:
    name = f"artifact {artifact.name}"
    if found is None:
        return Check(name, "unproved", "not looked at")
    if isinstance(found, Unread):
        return Check(name, "no" if found.absent else "unproved", found.detail)
    if (found.sha256, found.size) != (artifact.sha256, artifact.size_bytes):
        return Check(name, "no", f"{found.size} bytes with {found.sha256}, sealed were {artifact.size_bytes} bytes "
                     f"with {artifact.sha256}")  # fmt: skip
    return Check(name, "yes", found.sha256)


def _complete(manifest: Manifest) -> Iterable[Check]:
    """Every required kind, by what the manifest holds and not by what its status says."""
    kinds = {entry.kind for entry in manifest.evidence}
    gaps = {gap.kind: gap.reason for gap in manifest.missing}
    held: dict[str, bool] = {
        "transcript": manifest.artifacts.redacted_transcript_uri is not None,
        "recording": manifest.artifacts.audio_uri is not None,
        # A call may well have made no tool call; then nothing names tools as missing.
        "tools": True,
    }
    for kind in manifest.required:
        there = held.get(kind, kind in kinds) and kind not in gaps
        detail = "there" if there else f"missing: {gaps.get(kind, 'not in the manifest')}"
        yield Check(kind, "yes" if there else "no", detail)
    for kind in (gap for gap in gaps if gap not in manifest.required):
        yield Check(kind, "no", f"missing: {gaps[kind]}")
    if not manifest.required and not gaps:
        yield Check("required kinds", "unproved", "the manifest does not say what was required")


def _policy(manifest: Manifest, policies: Mapping[str, Policy]) -> Iterable[Check]:
    """Whether the packet is what its policy asks for."""
    blocked = [result.gate for result in manifest.gates if result.verdict == "block"]
    absent = [gate for gate in get_args(GateName) if gate not in {result.gate for result in manifest.gates}]
    said = [f"blocked by {', '.join(blocked)}"] * bool(blocked) + [f"no result of {', '.join(absent)}"] * bool(absent)
    yield Check("gates", "no" if said else "yes", "; ".join(said) or "no gate blocks")
    needed = {
        "agentVersion": manifest.agent_version,
        "providerAliases": manifest.provider_aliases,
        "review.owner": manifest.review.owner,
        "review.allowedOutcomes": manifest.review.allowed_outcomes,
        "retentionClass": manifest.retention_class,
    }
    empty = [name for name, value in needed.items() if not value]
    yield Check(
        "fields", "no" if empty else "yes", f"empty: {', '.join(empty)}" if empty else "every required field is there"
    )
    policy = policies.get(manifest.policy.sha256)
    if policy is None:
        yield Check("policy", "unproved", f"policy {manifest.policy.sha256[:12]}… is not known here; give its file")
        return
    row = policy.row(manifest.selection_reason)
    asked = {
        "owner": manifest.review.owner == row.owner,
        "reviewers": manifest.review.reviewers == row.reviewers,
        "priority": manifest.priority == row.priority,
        "SLA": manifest.review.due_at - manifest.sealed_at == row.sla,
        "outcomes": manifest.review.allowed_outcomes == row.allowed_outcomes,
        "retention class": manifest.retention_class == row.retention_class,
        "export level": manifest.export_level == row.export_level,
        "required kinds": {*policy.evidence.required, *row.requires} <= set(manifest.required),
    }
    wrong = [name for name, right in asked.items() if not right]
    detail = f"differs from policy {policy.version} in {', '.join(wrong)}" if wrong else f"as policy {policy.version}"
    yield Check("policy", "no" if wrong else "yes", detail)
