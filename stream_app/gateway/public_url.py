"""The only place that knows which URL a provider was told: what came in is what a proxy made of it.

Twilio signs the URL, so it must be the same to the character, query and all.
"""

from __future__ import annotations

import re

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def public_url(
    target: str, *, host: str, scheme: str, base: str | None = None, forwarded_proto: str | None = None
) -> str:
    """The URL of a request.

    `target` stands in its first line, `host` and `scheme` are what it came by. `base` is what providers were told
    before `/webhooks`; without it `forwarded_proto` (X-Forwarded-Proto, where a proxy may be believed) says the scheme.
    """
    path = _ABSOLUTE.sub("", target, count=1) if not target.startswith("/") else target
    if base is not None:
        return base.rstrip("/") + path
    first = (forwarded_proto or "").split(",")[0].strip().lower()  # Nearest to the provider, of several proxies.
    return f"{first if first in ('http', 'https') else scheme}://{host}{path}"
