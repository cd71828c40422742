"""The only place for the promise on public records: fields may be added, none is renamed, dropped or newly demanded.

`tests/data/contract-fields.json` lists every public field. `python -m tools.contract_fields` adds new ones to that
list and refuses (exit 1) to record a change that breaks a producer or a subscriber.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stream_app import topics
from tools.fresh import ROOT
from tools.schemas import text_of, topic_schema

GOLDEN = "tests/data/contract-fields.json"

Field = dict[str, Any]
"""`required`: bool; `types`: JSON types and, for inputs, the values of a closed list as `=value`."""
Fields = dict[str, Field]


def public_fields() -> dict[str, Fields]:
    """Topic -> path -> field, for every input and output topic that has a schema."""
    return {
        topic.name: dict(_fields(topic_schema(topic), topic.role == "input"))
        for topic in topics.TOPICS
        if topic.role != "internal" and topic.models
    }


def _fields(schema: dict[str, Any], values: bool) -> Iterator[tuple[str, Field]]:
    definitions = schema.get("$defs", {})

    def walk(node: dict[str, Any], path: str) -> Iterator[tuple[str, Field]]:
        for branch in _branches(node, definitions):
            required = branch.get("required", ())
            for name, child in branch.get("properties", {}).items():
                below = f"{path}.{name}" if path else name
                yield below, {"required": name in required, "types": sorted(_types(child, definitions, values))}
                yield from walk(child, below)
            if isinstance(branch.get("items"), dict):
                yield from walk(branch["items"], f"{path}[]")

    return walk(schema, "")


def _branches(node: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _branches(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    elif "anyOf" in node or "oneOf" in node:
        for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            yield from _branches(branch, definitions)
    else:
        yield node


def _types(node: dict[str, Any], definitions: dict[str, Any], values: bool) -> set[str]:
    found = set()
    for branch in _branches(node, definitions):
        found.add(str(branch.get("type", "any")))
        if values:
            found |= {
                f"={value}" for value in (*branch.get("enum", ()), *([branch["const"]] if "const" in branch else ()))
            }
    return found


def breaks(promised: Mapping[str, Fields], actual: Mapping[str, Fields]) -> list[str]:
    """What in `actual` would break somebody who relies on `promised`, one sentence each."""
    roles = {topic.name: topic.role for topic in topics.TOPICS}
    found = []
    for topic, fields in promised.items():
        now = actual.get(topic, {})
        accepts = roles.get(topic) == "input"
        for path, was in fields.items():
            found += _change(f"{topic}: {path}", was, now.get(path), accepts)
        if accepts:
            found += [
                f"{topic}: {path} is new and demanded of producers"
                for path, field in now.items()
                if path not in fields and field["required"] and _parent(path) in {"", *fields}
            ]
    return found


def _parent(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def _change(where: str, was: Field, now: Field | None, accepts: bool) -> list[str]:
    if now is None:
        return [f"{where} is gone"]
    found = []
    if accepts and now["required"] and not was["required"]:
        found.append(f"{where} was optional and is demanded now")
    if not accepts and was["required"] and not now["required"]:
        found.append(f"{where} was always there and may be absent now")
    narrower = set(was["types"]) - set(now["types"])
    wider = set(now["types"]) - set(was["types"])
    if accepts and narrower and "any" not in now["types"]:
        found.append(f"{where} no longer takes {', '.join(sorted(narrower))}")
    if not accepts and wider:
        found.append(f"{where} may now be {', '.join(sorted(wider))}")
    return found


def promised_fields(text: str) -> dict[str, Fields]:
    """The golden list read back: `"required string"`, `"optional null|string"`."""
    golden: dict[str, dict[str, str]] = json.loads(text)
    return {
        topic: {
            path: {"required": line.startswith("required "), "types": line.split(" ", 1)[1].split("|")}
            for path, line in fields.items()
        }
        for topic, fields in golden.items()
    }


def golden_text(actual: Mapping[str, Fields]) -> str:
    """The golden list, one line a field."""
    return text_of(
        {
            topic: {
                path: f"{'required' if field['required'] else 'optional'} {'|'.join(field['types'])}"
                for path, field in fields.items()
            }
            for topic, fields in actual.items()
        }
    )


def main() -> int:
    """Record new fields; 1 where a promise would be broken."""
    target = ROOT / GOLDEN
    promised = promised_fields(target.read_text(encoding="utf-8")) if target.is_file() else {}
    actual = public_fields()
    broken = breaks(promised, actual)
    for sentence in broken:
        print(f"refused: {sentence}")
    if broken:
        return 1
    target.write_text(golden_text(actual), encoding="utf-8")
    print(f"wrote {GOLDEN}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
