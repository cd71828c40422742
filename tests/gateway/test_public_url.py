"""The URL that a provider signed, behind proxies and without."""

from __future__ import annotations

import pytest

from stream_app.gateway.public_url import public_url

PATH = "/webhooks/twilio?bodySHA256=ab%2Fc&x=a+b"


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        (PATH, {}, f"http://in:8480{PATH}"),
        (PATH, {"scheme": "https"}, f"https://in:8480{PATH}"),
        (PATH, {"forwarded_proto": "https"}, f"https://in:8480{PATH}"),
        (PATH, {"forwarded_proto": "HTTPS , http"}, f"https://in:8480{PATH}"),
        (PATH, {"forwarded_proto": "javascript"}, f"http://in:8480{PATH}"),
        (PATH, {"forwarded_proto": ""}, f"http://in:8480{PATH}"),
        (PATH, {"base": "https://hooks.example.org"}, f"https://hooks.example.org{PATH}"),
        (PATH, {"base": "https://u:p@hooks.example.org/in/"}, f"https://u:p@hooks.example.org/in{PATH}"),
        (PATH, {"base": "https://a.org:8443", "forwarded_proto": "http"}, f"https://a.org:8443{PATH}"),
        (f"http://other{PATH}", {"base": "https://a.org"}, f"https://a.org{PATH}"),
        (f"http://other{PATH}", {}, f"http://in:8480{PATH}"),
        ("/webhooks/twilio?u=http://x/y", {}, "http://in:8480/webhooks/twilio?u=http://x/y"),
    ],
)
def test_it_is_what_the_provider_was_told(target: str, options: dict[str, str], expected: str) -> None:
    assert public_url(target, **({"host": "in:8480", "scheme": "http"} | options)) == expected  # type: ignore[arg-type]
