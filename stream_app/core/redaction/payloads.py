"""The only place that redacts a tool's payload: 1 by key names, 2 secrets in every string, 3 personal data in strings.

Identifiers of machines (trace IDs, hashes, SIDs) stay: a reviewer follows them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import NO_VALUES, KnownValues
from stream_app.core.redaction.masks import Masks, masked
from stream_app.core.redaction.secrets import (
    PERSONAL_KEYS,
    SAFE_KEYS,
    SECRET_KEYS,
    bare_key,
    is_identifier,
    secret_spans,
)
from stream_app.core.redaction.spans import Span, Turn, merged
from stream_app.core.wire import Json

SECRET = "[SECRET]"
MAX_DEPTH = 64

FindSecrets = Callable[[str], Sequence[Span]]
"""Another finder of secrets, beside the forms that are known here."""


def no_more(_text: str) -> Sequence[Span]:
    """No finder besides."""
    return ()


@dataclass(slots=True)
class Redacted:
    """A payload that may be shown, and how many values of each kind were masked in it."""

    value: Json
    counts: dict[str, int] = field(default_factory=dict)


def redact_payload(value: Json, known: KnownValues = NO_VALUES, find_secrets: FindSecrets = no_more) -> Redacted:
    """Mask a parsed payload. What is nested deeper than MAX_DEPTH is left out."""
    walk = _Walk(known, find_secrets)
    return Redacted(walk.value(value, "", 0), dict(sorted(walk.counts.items())))


def redact_text(text: str, known: KnownValues = NO_VALUES, find_secrets: FindSecrets = no_more) -> str:
    """One string as it may be shown."""
    return _Walk(known, find_secrets).text(text, "")


class _Walk:
    """One payload's masks: the same value has the same mask wherever it stands."""

    def __init__(self, known: KnownValues, find_secrets: FindSecrets) -> None:
        self._known = known
        self._find = find_secrets
        self._masks = Masks()
        self.counts: dict[str, int] = {}

    def value(self, value: Json, key: str, depth: int) -> Json:
        if depth > MAX_DEPTH:
            return self._count("TOO_DEEP", "[TOO_DEEP]")
        if isinstance(value, dict):
            return {self._key(name): self.value(each, name, depth + 1) for name, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, key, depth + 1) for each in value]
        if value is None or isinstance(value, bool):
            return value
        # 1. By key names.
        bare = bare_key(key)
        if bare in SECRET_KEYS:
            return self._count("SECRET", SECRET)
        if bare in PERSONAL_KEYS:
            kind = PERSONAL_KEYS[bare]
            return self._count(kind, self._masks.of(kind, str(value)))
        if isinstance(value, int | float):
            shown = self.text(str(value), bare)
            return value if shown == str(value) else shown
        return self.text(value, bare)

    def text(self, text: str, key: str) -> str:
        # 2. Secrets. An identifier as a whole is none, whatever it looks like to a finder.
        if is_identifier(text):
            return text
        secrets = merged([*secret_spans(text), *(span for span in self._find(text) if not _inside(text, span))])
        if secrets or key in SAFE_KEYS:
            return self._shown(text, secrets)
        # 3. Personal data.
        return self._shown(text, CallRules([Turn("", text)]).spans({}, self._known)[0])

    def _shown(self, text: str, spans: Sequence[Span]) -> str:
        if any(span.kind == "SECRET" for span in spans):
            out, at = [], 0
            for span in spans:
                out += [self.text(text[at : span.start], ""), self._count("SECRET", SECRET)]
                at = span.end
            return "".join([*out, self.text(text[at:], "")])
        for span in spans:
            self._count(span.kind, "")
        return masked(text, spans, self._masks)

    def _key(self, key: str) -> str:
        return self.text(key, "") if any(character in key for character in "@ ") or len(key) > 12 else key

    def _count(self, kind: str, mask: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return mask


def _inside(text: str, span: Span) -> bool:
    """Whether what was found is an identifier of a machine: a finder takes SIDs for tokens."""
    return is_identifier(text[span.start : span.end])
