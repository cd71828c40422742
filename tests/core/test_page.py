"""An export's page: hostile transcripts add no element, no attribute, no address; its policy names its one style."""

from __future__ import annotations

import random
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from stream_app.core.manifest import read_manifest
from stream_app.core.page import POLICY, STYLE, page

MANIFEST = read_manifest((Path(__file__).parents[1] / "data" / "golden" / "complete.manifest.json").read_bytes())
PIECES = (
    "<script>alert(1)</script>", "</td></table>", '"><img src=x onerror=alert(1)>', "<svg/onload=alert(1)>",
    "<!--", "-->",
    "</title>", "</style>", "<![CDATA[", "]]>", "&lt;script&gt;", "&#60;b&#62;", "javascript:alert(1)",
    "\x00", "\u202e",
    "\ud800", "<iframe srcdoc='<script>'>", "<base href=//example.org>", "<meta http-equiv=refresh content=0>",
    "\x1b[2J",
    "<a href=https://example.org>", "<form action=//example.org>", "</body></html>", "<?php", "{{7*7}}", "é日本",
)  # fmt: skip


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text: list[str] = []
        self.other: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_pi = unknown_decl = handle_comment


def seen(text: str) -> Seen:
    parser = Seen()
    parser.feed(page(MANIFEST, "sha256:0", [(text, text)], [text]).encode().decode())
    parser.close()
    return parser


def test_a_hundred_hostile_transcripts_stay_text() -> None:
    plain = seen("hello")
    for seed in range(100):
        dice = random.Random(seed)
        text = "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 12)))
        hostile = seen(text)
        assert hostile.tags == plain.tags, text
        assert hostile.other == plain.other == [], text
    assert "<script>alert(1)</script>" in seen(PIECES[0]).text


def test_the_page_loads_nothing_and_its_policy_allows_its_style_alone() -> None:
    tags = seen("hello").tags
    assert not {tag for tag, _ in tags} & {"script", "img", "link", "a", "iframe", "form", "object"}
    assert not [name for _, attributes in tags for name, _ in attributes if name in ("src", "href", "style")]
    assert f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'" in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert ("meta", (("http-equiv", "Content-Security-Policy"), ("content", POLICY))) in tags
