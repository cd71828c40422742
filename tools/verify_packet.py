"""The only place for a verifier that needs nothing of ours: one file, Python's standard library, no network.

Usage: python verify_packet.py COPY --trust KEYS.json [--ledger FILE [--ledger-head FILE] [--part]] [--json]

COPY is a directory or a zip in the layout of the packet bucket. FILEs are as `stream-app ledger export` and `ledger
head --json` write them; --part: COPY holds some calls only. Exit codes: 0 intact, 1 not so or not proved, 2 wrong use,
3 something unreadable. It does not know policies: whether a policy's rows are kept, only `stream-app verify` says.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Ed25519 (RFC 8032, section 5.1), for verifying only: nothing here is secret, so nothing needs constant time.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    m, n, o, q = f - e, h - g, h + g, f + e
    return (m * n % P, o * q % P, n * o % P, m * q % P)


def _times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _point(body: bytes) -> Point | None:
    y = int.from_bytes(body, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, r, s = _point(public_key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L or BASE is None:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    a, b = _times(s, BASE), _add(r, _times(h, key))
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _number(value: float) -> str:
    """ECMAScript's way to write a number, which RFC 8785 asks for."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    power = int(exponent) if e else 0
    if -7 < power < 0:
        digits = mantissa.lstrip("-").replace(".", "")
        return f"{'-' if value < 0 else ''}0.{'0' * (-power - 1)}{digits}"
    return f"{mantissa}e{power:+d}" if e else text


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value; ValueError for what has none."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, float):
        return _number(value).encode()
    if type(value) is int and abs(value) > 2**53 - 1:
        raise ValueError("an integer without a canonical form")
    return json.dumps(value, ensure_ascii=False).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _read(body: bytes) -> dict[str, Any]:
    """Canonical JSON, an object; else ValueError."""
    document = json.loads(body.decode(), object_pairs_hook=_once)
    if not isinstance(document, dict) or canonical(document) != body:
        raise ValueError("not canonical JSON")
    return document


def _instant(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _trusted(body: bytes) -> dict[str, tuple[bytes, float | None, float | None]]:
    keys = {}
    for one in json.loads(body)["keys"]:
        public = base64.b64decode(one["publicKey"], validate=True)
        keys["sha256:" + hashlib.sha256(public).hexdigest()] = (
            public, _instant(one.get("notBefore")), _instant(one.get("notAfter")),
        )  # fmt: skip
    return keys


def _signature(body: bytes, manifest: dict[str, Any], digest: str, trusted: dict[str, Any]) -> str | None:
    """What is wrong with the envelope, or None."""
    envelope = _read(body)
    kind = "application/vnd.in-toto+json"
    if set(envelope) != {"payload", "payloadType", "signatures"} or envelope["payloadType"] != kind:
        return "the envelope is not as it was written"
    payload, given = base64.b64decode(envelope["payload"], validate=True), envelope["signatures"]
    if base64.b64encode(payload).decode() != envelope["payload"] or any(set(one) != {"keyid", "sig"} for one in given):
        return "the envelope is not as it was written"
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    at, good = _instant(manifest["sealedAt"]), False
    for one in given:
        if one["keyid"] not in trusted:
            continue
        public, before, after = trusted[one["keyid"]]
        signature = base64.b64decode(one["sig"], validate=True)
        if base64.b64encode(signature).decode() != one["sig"] or not ed25519(public, signature, message):
            return "a signature is wrong"
        if at is None or (before is not None and at < before) or (after is not None and at >= after):
            return "the key is not trusted for that time"
        good = True
    if not good:
        return "no key that is trusted signed it"
    before_it = manifest["supersedes"]
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": manifest["packetId"], "digest": {"sha256": digest}}],
        "predicateType": "https://call-evidence-stream.dev/sealed-packet/v1",
        "predicate": {
            "canonicalCallId": manifest["canonicalCallId"], "version": manifest["version"],
            "status": manifest["status"], "sealedAt": manifest["sealedAt"],
            "supersedes": None if before_it is None else before_it["manifestHash"],
        },
    }  # fmt: skip
    return None if canonical(said) == payload else "the signature is over another manifest"


def examine(files: dict[str, bytes], trust: bytes) -> dict[str, Any]:
    """The verdict: `intact`, `complete`, `policy` (yes, no, unproved), and the problems, each naming its file."""
    trusted, problems, used = _trusted(trust), [], set()
    chains: dict[str, list[tuple[int, str, str, Any]]] = {}
    complete: list[str] = []
    blocked: list[bool] = []
    names = sorted(name for name in files if name.rpartition("/")[2] == "manifest.json")
    for name in names:
        used.add(name)
        place, digest = name.rpartition("/")[0], hashlib.sha256(files[name]).hexdigest()
        envelope = f"{place}/signatures/{digest}.dsse.json"
        used.add(envelope)
        try:
            manifest = _read(files[name])
            call, number, older = manifest["canonicalCallId"], manifest["version"], manifest["supersedes"]
            if type(number) is not int or number < 1 or not isinstance(older, dict | None):
                raise ValueError("no version")
            if older is not None and (type(older["version"]) is not int or not isinstance(older["manifestHash"], str)):
                raise ValueError("no superseded version")
            folder = quote(call, safe="") if call.strip(".") else call.replace(".", "%2E")
            if f"/{place}".rpartition("/calls/")[2].partition("/")[2] != f"{folder}/v{manifest['version']}":
                problems.append(f"{name}: it is not the manifest of this place")
            gone = {gap["kind"] for gap in manifest["missing"]}
            held = {entry["kind"] for entry in manifest["evidence"]} | {"tools"}
            for kind, field in (("transcript", "redactedTranscriptUri"), ("recording", "audioUri")):
                held = held | {kind} if manifest["artifacts"].get(field) else held - {kind}
            complete.append("no" if gone or not set(manifest["required"]) <= held else
                            "yes" if manifest["required"] else "unproved")  # fmt: skip
            blocked.append(any(gate["verdict"] == "block" for gate in manifest["gates"]))
            chains.setdefault(call, []).append((manifest["version"], digest, name, manifest["supersedes"]))
            for one in manifest["objects"]:
                if "/artifacts/sha256/" in one["uri"]:
                    key = "artifacts/sha256/" + one["uri"].rpartition("/")[2]
                    used.add(key)
                    if key not in files:
                        problems.append(f"{key}: missing ({one['name']} of {name})")
                    elif (hashlib.sha256(files[key]).hexdigest(), len(files[key])) != (one["sha256"], one["sizeBytes"]):
                        problems.append(f"{key}: its bytes are not those that were sealed")
            if envelope not in files:
                problems.append(f"{envelope}: missing, {name} has no signature for its bytes")
            elif trusted:
                try:
                    wrong = _signature(files[envelope], manifest, digest, trusted)
                except (ValueError, KeyError, TypeError, AttributeError):
                    wrong = "the envelope is not as it was written"
                if wrong:
                    problems.append(f"{envelope}: {wrong}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            problems.append(f"{name}: not a manifest ({type(error).__name__})")
            complete.append("no")
            blocked.append(True)
    for name in sorted(files):
        if name.startswith("artifacts/sha256/") and hashlib.sha256(files[name]).hexdigest() != name.rpartition("/")[2]:
            problems.append(f"{name}: its bytes are not those it is named by")
        if name not in used:
            place, between, _ = name.partition("/signatures/")
            if between and f"{place}/manifest.json" not in files:
                problems.append(f"{place}/manifest.json: missing, {name} is a signature of it")
            elif not between or not any(one.startswith(f"{place}/signatures/") and one in files for one in used):
                # Beside the manifest's own a further signature is that of a sealer that came second.
                problems.append(f"{name}: belongs to no manifest here")
    for call, versions in sorted(chains.items()):
        problems += _chain(call, versions)
    return {
        "intact": "no" if problems else "yes" if trusted and names else "unproved",
        "complete": "no" if "no" in complete else "unproved" if "unproved" in complete or not complete else "yes",
        "policy": "no" if any(blocked) else "unproved",
        "packets": len(names),
        "problems": problems,
    }


def _chain(call: str, versions: list[tuple[int, str, str, Any]]) -> list[str]:
    problems: list[str] = []
    by_number: dict[int, str] = {}
    for version, digest, name, _ in sorted(versions):
        if by_number.setdefault(version, digest) != digest:
            problems.append(f"{call}: number {version} is used twice, also by {name}")
    for first, then in pairwise([0, *sorted(by_number)]):
        if then > first + 1:
            problems.append(f"{call}: a gap, version {first + 1} up to {then - 1} not there")
    for version, _, name, before in versions:
        if (before is None) != (version == 1) or (before and before["version"] != version - 1):
            problems.append(f"{name}: what it supersedes is not the version before it")
        elif before and by_number.get(version - 1) not in (None, before["manifestHash"].removeprefix("sha256:")):
            problems.append(f"{name}: it supersedes another version {version - 1} than the one that is there")
    return problems


def _entry(document: dict[str, Any], trusted: dict[str, Any]) -> list[str]:
    """What is wrong with one entry of the ledger by itself."""
    unsigned = {key: value for key, value in document.items() if key not in ("keyId", "signature")}
    head = {key: value for key, value in unsigned.items() if key not in ("sealed", "root")}
    level = [hashlib.sha256(b"\0" + canonical(one)).digest() for one in (head, *document["sealed"])]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + b"".join(level[at : at + 2])).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
    found = [] if f"sha256:{level[0].hex()}" == document["root"] else ["its root is not that of what stands in it"]
    offsets = [one["offset"] for one in document["sealed"]]
    told = [document["packets"], document["firstOffset"], document["lastOffset"]]
    if not offsets or sorted(set(offsets)) != offsets or [len(offsets), offsets[0], offsets[-1]] != told:
        found.append("its count and offsets are not those of its packets")
    kind, body = b"application/vnd.call-evidence-stream.ledger+json", canonical(unsigned)
    message, at = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body), _instant(document["hour"])
    public, before, after = trusted.get(document["keyId"], (None, None, None))
    signature = base64.b64decode(document["signature"], validate=True)
    if public is None or at is None or (before is not None and at < before) or (after is not None and at >= after):
        return [*found, "no key that is trusted for its hour signed it"] if trusted else found
    if base64.b64encode(signature).decode() != document["signature"] or not ed25519(public, signature, message):
        found.append("its signature is wrong")
    return found


def ledger(
    records: list[bytes], heads: dict[str, Any], files: dict[str, bytes], trusted: dict[str, Any], part: bool
) -> tuple[list[str], list[str]]:
    """(problems, packets that no entry covers yet) of the ledger's entries, one chain a partition, beside a copy."""
    problems: list[str] = []
    chains: dict[int, dict[int, dict[str, Any]]] = {}
    for place, body in enumerate(records, 1):
        try:
            one = _read(body)
            whole = [one[key] for key in ("partition", "number", "packets", "firstOffset", "lastOffset")]
            whole += [packet["offset"] for packet in one["sealed"]]
            texts = [packet[key] for packet in one["sealed"] for key in ("packetId", "manifestHash")]
            if {*map(type, whole)} != {int} or {*map(type, (*texts, one["previousRoot"] or ""))} != {str}:
                raise ValueError("not an entry")
            problems += [f"ledger {one['partition']}/{one['number']}: {wrong}" for wrong in _entry(one, trusted)]
            if one != chains.setdefault(one["partition"], {}).setdefault(one["number"], one):
                problems.append(f"ledger {one['partition']}/{one['number']}: the number is used twice")
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            problems.append(f"ledger record {place}: not an entry of the ledger")
    known: dict[tuple[str, str], str] = {}
    until: list[float] = []
    for partition, chain in sorted(chains.items()):
        for number in range(max(chain)):
            if number not in chain:
                problems.append(f"ledger {partition}: entry {number} is not there")
        for number, one in sorted(chain.items()):
            before = chain.get(number - 1, {"root": None, "lastOffset": -1} if number == 0 else None)
            if before is not None and (
                one["previousRoot"] != before["root"] or one["firstOffset"] <= before["lastOffset"]
            ):
                problems.append(f"ledger {partition}/{number}: it does not follow on the entry before it")
            known |= {(p["packetId"], p["manifestHash"]): f"ledger {partition}/{number}" for p in one["sealed"]}
        # All chains must have come a day further than a packet: it may reach the log late, and does not say where.
        until.append((_instant(chain[max(chain)]["hour"]) or 0.0) - 86_400)
    for head in heads.get("heads", ()):
        chain = chains.get(head["partition"], {})
        if max(chain, default=-1) < head["number"]:
            problems.append(f"ledger {head['partition']}: its end is missing, it had come to {head['number']}")
        elif chain.get(head["number"], head)["root"] != head["root"]:
            problems.append(f"ledger {head['partition']}/{head['number']}: it has another root than the head kept")
    there: dict[tuple[str, str], float] = {}
    for name, body in files.items():
        if name.rpartition("/")[2] == "manifest.json":
            try:
                manifest = _read(body)
                key = (manifest["packetId"], "sha256:" + hashlib.sha256(body).hexdigest())
                there[key] = _instant(manifest["sealedAt"]) or 0.0
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # `examine` has named it.
    calls = {packet.rpartition("/")[0] for packet, _ in there}
    strange, broken = {key: at for key, at in there.items() if key not in known}, bool(problems)
    named = {packet for packet, _ in known}
    named |= {packet for (packet, _), at in strange.items() if broken or at < min(until, default=0)}
    open_ones = [f"{packet}: no entry covers it yet" for packet, _ in strange if packet not in named]
    problems += [f"{packet}: no entry knows it so" for packet, _ in strange if packet in named]
    problems += [
        f"{key[0]}: {name} knows it with {key[1]}, and it is not in the copy"
        for key, name in known.items()
        if key not in there and (not part or key[0].rpartition("/")[0] in calls)
    ]
    return problems, open_ones


def files_of(place: Path) -> dict[str, bytes]:
    """All files below a directory or in a zip, by their path; raises OSError, zipfile.BadZipFile or ValueError."""
    if place.is_dir():
        return {one.relative_to(place).as_posix(): one.read_bytes() for one in place.rglob("*") if one.is_file()}
    with zipfile.ZipFile(place) as archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
        if len(set(names)) != len(names):
            raise ValueError("the zip holds one name twice")
        return {name: archive.read(name) for name in names}


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", type=Path)
    parser.add_argument("--trust", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--ledger-head", type=Path)
    parser.add_argument("--part", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.ledger is None and (given.ledger_head is not None or given.part):
        parser.error("--ledger-head and --part say something of --ledger")
    try:
        files = files_of(given.copy)
        files.pop("index.html", None)  # The page of an export: a view, and no evidence.
        trust = given.trust.read_bytes()
        verdict = examine(files, trust)
        if given.ledger is not None:
            heads = {} if given.ledger_head is None else json.loads(given.ledger_head.read_bytes())
            records = given.ledger.read_bytes().splitlines()
            wrong, uncovered = ledger(records, heads, files, _trusted(trust), given.part)
            verdict["problems"] += wrong
            verdict["uncovered"] = uncovered
            verdict["intact"] = "no" if verdict["problems"] else "unproved" if uncovered else verdict["intact"]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        print(f"verify_packet: cannot read: {error}", file=sys.stderr)
        return 3
    if not verdict["packets"] and not verdict["problems"]:
        print("verify_packet: there is no packet here", file=sys.stderr)
        return 3
    if given.json:
        print(json.dumps(verdict, indent=2))
    else:
        print(
            *(f"{name}: {verdict[name]}" for name in ("intact", "complete", "policy")),
            *verdict["problems"],
            *verdict.get("uncovered", ()),
            sep="\n",
        )
    return 0 if verdict["intact"] == "yes" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
