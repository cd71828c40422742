"""The only place that makes `schemas/`: JSON Schema 2020-12 per topic and version, the policy's, and AsyncAPI.

`python -m tools.schemas` writes them, `--check` names the stale ones and exits 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from stream_app import topics
from tools.asyncapi import document
from tools.docstrings import field_docs, summary
from tools.fresh import run

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMAND = "make schemas"
VERSION = 1


def schema_id(name: str, version: int = VERSION) -> str:
    """The `$id` of a topic's schema: a name, not an address; nothing has to be reachable."""
    return f"urn:call-evidence-stream:schema:{name}:v{version}"


def topic_schema(topic: topics.Topic) -> dict[str, Any]:
    """The JSON Schema of a topic's record values.

    Inputs are described as what is accepted, everything else as what is written: there every field is present, except
    those that default to null, which may be left out where they say nothing.
    """
    if not topic.models:
        raise ValueError(f"{topic.name} carries foreign payloads: it has no schema")
    mode: JsonSchemaMode = "validation" if topic.role == "input" else "serialization"
    kind: Any = topic.union if topic.union is not None else topic.models[0]
    body = TypeAdapter(kind).json_schema(by_alias=True, mode=mode, schema_generator=GenerateJsonSchema)
    _describe(body, {model.__name__: model for model in _reachable(topic.models)}, topic.models, mode)
    return {
        "$schema": DIALECT,
        "$id": schema_id(topic.name),
        **body,
        "title": topic.name,
        "description": _description(topic),
    }


def _description(topic: topics.Topic) -> str:
    words = topic.purpose
    if topic.role == "input" and topic.name != "review-recorded":
        words += (
            " Names its call by canonicalCallId, by aliases, or by both; traceId counts as an alias."
            " Unknown fields are ignored."
        )
    return words


def _describe(
    body: dict[str, Any], models: dict[str, type[BaseModel]], top: tuple[type[BaseModel], ...], mode: JsonSchemaMode
) -> None:
    """Put our own words under titles: class docstrings, and the texts below the fields."""
    definitions = dict(body.get("$defs", {}))
    if len(top) == 1 and "properties" in body:
        definitions[top[0].__name__] = body
    for name, definition in definitions.items():
        model = models.get(name)
        if model is None:
            continue
        if text := summary(model):
            definition["description"] = text
        docs = field_docs(model)
        for field, info in model.model_fields.items():
            described = definition.get("properties", {}).get(info.alias or field)
            if described is not None:
                described.pop("title", None)
                if field in docs:
                    described["description"] = docs[field]
        if mode == "serialization":
            fields = model.model_fields.items()
            definition["required"] = sorted(info.alias or field for field, info in fields if info.default is not None)


def _reachable(models: tuple[type[BaseModel], ...]) -> Iterator[type[BaseModel]]:
    """The models and every model their fields mention, each once."""
    seen: set[type[BaseModel]] = set()
    waiting: list[Any] = list(models)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind not in seen:
                seen.add(kind)
                yield kind
                waiting.extend(info.annotation for info in kind.model_fields.values())
        else:
            waiting.extend(getattr(kind, "__args__", ()))


def text_of(value: Any) -> str:
    """A JSON document as the files hold it: indented, readable characters, a line end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def files() -> dict[str, str]:
    """Path below the checkout -> text, for everything in `schemas/`."""
    from stream_app import __version__

    made = {
        f"schemas/{topic.name}.v{VERSION}.json": text_of(topic_schema(topic)) for topic in topics.TOPICS if topic.models
    }
    made["schemas/asyncapi.json"] = text_of(document(topics.TOPICS, __version__, VERSION))
    if (policy := _policy_schema()) is not None:
        made[f"schemas/policy.v{VERSION}.json"] = text_of(policy)
    return made


def _policy_schema() -> dict[str, Any] | None:
    try:
        from stream_app import policy_file  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        return None
    return {"$schema": DIALECT, "$id": schema_id("policy"), **policy_file.schema()}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0, or 1 where a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    options = parser.parse_args(arguments)
    check: Literal[True, False] = bool(options.check)
    return run(files(), check=check, pattern="schemas/*.json", command=COMMAND)


if __name__ == "__main__":
    raise SystemExit(main())
