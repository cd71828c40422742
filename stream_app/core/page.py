"""The only place for an export's page: one HTML file, nothing loaded, no script, every word of the evidence escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from stream_app.core.instants import format_instant
from stream_app.core.manifest import Manifest

STYLE = (
    "body{font:16px sans-serif;max-width:60em;margin:2em auto}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    "td{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}"
)
POLICY = f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'; " \
         "base-uri 'none'; form-action 'none'"  # fmt: skip


def page(manifest: Manifest, manifest_hash: str, turns: Sequence[tuple[str, str]], verdict: Sequence[str]) -> str:
    """The page; `turns` are (speaker, text), `verdict` are lines of how it verified when it was exported."""
    said = (
        ("call", manifest.canonical_call_id),
        ("version", str(manifest.version)),
        ("status", manifest.status),
        ("selected for", manifest.selection_reason),
        ("sealed at", format_instant(manifest.sealed_at)),
        ("manifest", manifest_hash),
        ("missing", ", ".join(f"{gap.kind} ({gap.reason})" for gap in manifest.missing) or "nothing"),
    )
    tools = (
        (str(number), one.name, one.status, str(one.latency_ms), str(one.retries), one.argument_summary or "",
         one.result_summary or "", one.side_effect_proof or "", ", ".join(one.findings))
        for number, one in enumerate(manifest.tool_evidence, 1)
    )  # fmt: skip
    gates = ((one.gate, one.verdict, "; ".join(one.reasons)) for one in manifest.gates)
    headings = ("#", "tool", "status", "ms", "retries", "arguments", "result", "proof", "findings")
    title = f"Packet {manifest.packet_id}"
    return "".join(
        (
            "<!doctype html><html lang=en><head><meta charset=utf-8>",
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            f"<title>{_text(title)}</title><style>{STYLE}</style></head><body><h1>{_text(title)}</h1>",
            _table((), said),
            "<h2>Verification</h2><p>As it was when exported. This page proves nothing: verify the files.</p>",
            _table((), ((line,) for line in verdict)),
            "<h2>Turns</h2>",
            _table(("#", "speaker", "text"), ((str(n), *turn) for n, turn in enumerate(turns, 1))),
            "<h2>Tools</h2>",
            _table(headings, tools),
            "<h2>Gates</h2>",
            _table(("gate", "verdict", "reasons"), gates),
            "</body></html>\n",
        )
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(one)}</th>" for one in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def _text(text: str) -> str:
    """Escaped; control characters (but line ends and tabs) and halves of surrogate pairs are shown as a replacement."""
    shown = ("�" if (one < " " and one not in "\n\t") or "\x7f" <= one <= "\x9f" or "\ud800" <= one <= "\udfff" else one
             for one in text)  # fmt: skip
    return escape("".join(shown), quote=True)
