"""The only place that knows the secret scanner (redact-secret, MIT); it is beta, so our own forms stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_app.core.redaction.spans import Span


class SecretFinder:
    """Finds secrets in a string. `find` is a `FindSecrets` of core/redaction/payloads.py."""

    def __init__(self) -> None:
        """Raises ImportError where the package is not installed."""
        import redact_secret

        self._library: Any = redact_secret
        redact_secret.initialize()

    def find(self, text: str) -> Sequence[Span]:
        """Spans in characters. What the scanner cannot take (too long) is masked whole: it is not known to be clean."""
        try:
            found = self._library.scan(text)
        except self._library.SecretScanError:
            return [Span(0, len(text), "SECRET", "unscanned")]
        return [Span(one.start, one.end, "SECRET", "scanner") for one in found if one.action in ("redact", "block")]
