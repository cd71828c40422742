"""The only place for what was received: a webhook as it came in, before anything of it is parsed or believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stream_app.core.wire import WireError, read_json
from stream_app.gateway.signatures.verdict import Rejected

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Received:
    """One HTTP request. Its `repr` shows the method only: headers hold secrets, URLs passwords, bodies calls."""

    method: str
    url: str = field(repr=False)
    """As the provider was told it: scheme, host, port if any, query. Behind a proxy that is not what came in."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """As they came, repeated ones too; names in any case."""
    body: bytes = field(repr=False)
    """The raw bytes: parsing and writing JSON again makes other ones."""

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def header(self, name: str) -> str:
        """The value of a header, empty where it is absent.

        Raises Rejected where it came several times with several values: two readers could choose two of them.
        """
        values = list(dict.fromkeys(self.all(name)))
        if len(values) > 1:
            raise Rejected("malformed_signature", f"the header {name} came {len(values)} times, each time different")
        return values[0] if values else ""

    @property
    def is_form(self) -> bool:
        """Whether the body is read as a form. One of no stated type is, unless it begins like JSON.

        Whoever parses the body must ask here too: what was verified as a form must not be read as JSON.
        """
        stated = self.header("Content-Type").partition(";")[0].strip().lower()
        return stated == FORM or (not stated and self.body.lstrip()[:1] not in (b"{", b"["))

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; raises Rejected (`not_json`). To be asked once it is known to be authentic."""
        try:
            document = read_json(self.body)
        except WireError as error:
            raise Rejected("not_json", f"the body is authentic, and not JSON that we take ({error.reason})") from None
        if not isinstance(document, dict):
            raise Rejected("not_json", "the body is authentic, and not a JSON object")
        return document
