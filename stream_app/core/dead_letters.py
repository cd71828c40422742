"""The only place for the dead letter: the original record, whole, with where it stood and a typed reason."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal

from stream_app.core.concealment import UNKEYED, Concealer, private_of
from stream_app.core.evidence import Position
from stream_app.core.instants import Instant
from stream_app.core.model import Model
from stream_app.core.wire import write_json

DeadLetterReason = Literal[
    "not_json", "duplicate_key", "not_a_number", "invalid_text", "not_an_object", "tombstone", "oversize",
    "invalid_envelope", "unknown_schema_version", "unknown_type", "wrong_topic", "invalid_event",
    "identity_missing", "identity_conflict", "invalid_internal", "late",
    "order_conflict", "unknown_provider", "not_readable", "unknown_shape", "content_refused", "defect",
    "review_refused",
]  # fmt: skip


class DeadLetter(Model):
    """One record that could not be used. `key`, header values and `body` are base64: they may be any bytes."""

    schema_version: Literal[1] = 1
    reason: DeadLetterReason
    detail: str
    stage: Literal["intake", "identity", "join", "seal", "ledger", "review"]
    position: Position
    received_at: Instant
    key: str | None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None
    body_size_bytes: int
    body_sha256: str | None
    concealed: str | None = None
    """Key, headers and body, encrypted (`core.concealment`); those fields are then empty, and the digest is keyed."""

    @classmethod
    def of(
        cls,
        *,
        reason: DeadLetterReason,
        detail: str,
        stage: Literal["intake", "identity", "join", "seal", "ledger", "review"],
        position: Position,
        received_at: int,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        concealer: Concealer = UNKEYED,
    ) -> DeadLetter:
        """Wrap the original record; it is concealed under the name of where it stood."""
        said: dict[str, Any] = {
            "key": None if key is None else b64encode(key).decode(),
            "headers": tuple((name, b64encode(content or b"").decode()) for name, content in headers),
            "body": None if value is None else b64encode(value).decode(),
        }
        concealed = concealer.conceal(letter_name(position), received_at, write_json(said))
        if concealed is not None:
            said = {"key": None, "headers": (), "body": None, "concealed": concealed}
        return cls(
            reason=reason,
            detail=detail[:500],
            stage=stage,
            position=position,
            received_at=received_at,
            body_size_bytes=len(value or b""),
            body_sha256=None if value is None else concealer.fingerprint(value),
            **said,
        )

    def with_original(self, content: bytes) -> DeadLetter:
        """The same letter with its original in the open. Raises ValueError for what is no original."""
        said = private_of(content)
        return self.from_dict({**self.to_dict(), **said, "concealed": None})


def letter_name(position: Position) -> str:
    """The name under whose key a letter's original is concealed."""
    return f"dead-letter:{position.key()}"
