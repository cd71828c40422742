"""The only place for what is signed: a DSSE envelope over an in-toto Statement v1 that names one manifest.

What is signed are the bytes of the statement with their type before them (DSSE's pre-authentication encoding), so no
other document of ours, or of anybody, can pass for one. Keys and curves are not known here: `Sign` and `Check` do that.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stream_app.core.canonical import canonical_bytes, is_canonical
from stream_app.core.instants import format_instant
from stream_app.core.manifest import Manifest
from stream_app.core.wire import WireError, read_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://call-evidence-stream.dev/sealed-packet/v1"
MAX_ENVELOPE_BYTES = 64 << 10

Sign = Callable[[bytes], tuple[str, bytes]]
"""(key ID, signature) over these bytes."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that the verifier was given. It is trusted for what was sealed in [not_before, not_after), in ms."""

    key_id: str
    public_key: bytes
    not_before: int | None = None
    not_after: int | None = None

    def covers(self, at: int) -> bool:
        """Whether the key is trusted for this instant."""
        return (self.not_before is None or self.not_before <= at) and (self.not_after is None or at < self.not_after)


Check = Callable[[bytes, bytes, bytes], bool]
"""Whether (public key, signature, signed bytes) belong together."""


class AttestationError(ValueError):
    """The envelope proves nothing; the message says why."""


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1: what a signature is really over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(manifest: Manifest, manifest_hash: str) -> dict[str, Any]:
    """The in-toto statement: this packet version is the manifest with this hash (`sha256:<hex>`)."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": manifest.packet_id, "digest": {"sha256": manifest_hash.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "canonicalCallId": manifest.canonical_call_id,
            "version": manifest.version,
            "status": manifest.status,
            "sealedAt": format_instant(manifest.sealed_at),
            "supersedes": None if manifest.supersedes is None else manifest.supersedes.manifest_hash,
        },
    }


def envelope_of(payload: bytes, payload_type: str, sign: Sign) -> bytes:
    """The DSSE envelope over a payload, in canonical form."""
    key_id, signature = sign(pre_authentication(payload_type, payload))
    signatures = [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}]
    return canonical_bytes(
        {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}
    )


def signed(manifest: Manifest, manifest_hash: str, sign: Sign) -> bytes:
    """The envelope's bytes to store beside the manifest; the same key signs the same bytes."""
    return envelope_of(canonical_bytes(statement(manifest, manifest_hash)), PAYLOAD_TYPE, sign)


def open_envelope(body: bytes, at: int, trusted: tuple[TrustedKey, ...], check: Check, payload_type: str) -> bytes:
    """The payload, once a trusted key has signed it that was valid at `at` (ms). Raises AttestationError.

    The bytes must be exactly as we write them: an envelope with anything more in it was touched. Every signature that
    is by a trusted key must be right; one by an unknown key counts for nothing.
    """
    if len(body) > MAX_ENVELOPE_BYTES or not is_canonical(body):
        raise AttestationError("the envelope is not as it was written")
    try:
        document = read_json(body)
        if set(document) != {"payload", "payloadType", "signatures"} or document["payloadType"] != payload_type:
            raise AttestationError(f"the envelope is not one of type {payload_type}")
        payload = _decoded(document["payload"])
        given = [(str(one["keyid"]), _decoded(one["sig"])) for one in document["signatures"] if len(one) == 2]
        if len(given) != len(document["signatures"]):
            raise AttestationError("the envelope's signatures are not as they were written")
    except (WireError, KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
        raise error if isinstance(error, AttestationError) else AttestationError("not a DSSE envelope") from None
    known = {key.key_id: key for key in trusted}
    message, good = pre_authentication(payload_type, payload), False
    for key_id, signature in given:
        key = known.get(key_id)
        if key is None:
            continue
        if not check(key.public_key, signature, message):
            raise AttestationError(f"the signature by {key_id[:19]}… is wrong")
        if not key.covers(at):
            raise AttestationError(f"{key_id[:19]}… is not trusted for {format_instant(at)}")
        good = True
    if not good:
        names = ", ".join(f"{key_id[:19]}…" for key_id, _ in given) or "nobody"
        raise AttestationError(f"signed by {names}, no key that is trusted here")
    return payload


def check_manifest(
    manifest: Manifest, manifest_hash: str, body: bytes, trusted: tuple[TrustedKey, ...], check: Check
) -> None:
    """Returns where the envelope proves this very manifest; else raises AttestationError."""
    payload = open_envelope(body, manifest.sealed_at, trusted, check, PAYLOAD_TYPE)
    if payload != canonical_bytes(statement(manifest, manifest_hash)):
        raise AttestationError("the signature is over another manifest")


def _decoded(text: str) -> bytes:
    body = base64.b64decode(text, validate=True)
    if base64.b64encode(body).decode() != text:
        raise AttestationError("base64 that was not written so")
    return body


def signature_uri(manifest_uri: str, manifest_hash: str) -> str:
    """Where the envelope lies: beside the manifest, under its hash, so it can be written before that is."""
    return f"{manifest_uri.rpartition('/')[0]}/signatures/{manifest_hash.removeprefix('sha256:')}.dsse.json"
