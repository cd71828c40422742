"""The only place for the conventions that all our models share: camelCase outside, frozen, unknown fields dropped."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from stream_app.core.instants import FROM_JSON
from stream_app.core.wire import write_json

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A short, non-empty text."""

NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
"""Text without control characters."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=NO_CONTROLS)]
"""An ID: 1 to 256 characters, no control characters."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hex."""


class Model(BaseModel):
    """Base of every model: immutable, camelCase in JSON, unknown fields never fail a record and never travel on."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
        strict=False,
    )

    def to_dict(self) -> dict[str, Any]:
        """The JSON document as Python values, camelCase keys, every field present."""
        return self.model_dump(mode="json", by_alias=True)

    def to_bytes(self) -> bytes:
        """Compact JSON with sorted keys."""
        return write_json(self.to_dict())

    @classmethod
    def from_dict(cls, document: Any) -> Self:
        """Validate a JSON document; raises pydantic.ValidationError."""
        return cls.model_validate(document, context=FROM_JSON)
