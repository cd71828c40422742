"""The only place that tells the whole interface as one AsyncAPI 3.0 document: channels, messages, who sends what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stream_app import topics
from stream_app.settings import Settings

KAFKA_BINDING = "0.5.0"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
PLANNED = ("review-recorded", "review-tasks")
"""Topics that exist, and whose stage does not yet: they get no operation."""
ROLE_WORDS = {
    "input": "Producers write it, the processor reads it.",
    "internal": "Written and read by the processor alone.",
    "output": "The processor writes it, subscribers read it.",
}
_CLOUD_EVENT_HEADERS: dict[str, str] = {
    "ce_specversion": "CloudEvents version, always 1.0.",
    "ce_id": "Event ID; the same record sent twice has the same ID.",
    "ce_source": "Who sent it, as a URI reference.",
    "ce_type": "What it is.",
    "ce_subject": "The call it is about, where one is known.",
    "ce_time": "When it happened, RFC 3339.",
    "ce_dataschema": "The schema of the value.",
    "content-type": "Media type of the value, application/json.",
    "traceparent": "W3C trace context of the producer, where it has one.",
    "tracestate": "W3C trace state that goes with it.",
}
_REQUIRED_HEADERS = ("ce_specversion", "ce_id", "ce_source", "ce_type")


def document(catalogue: Iterable[topics.Topic], version: str, schema_version: int) -> dict[str, Any]:
    """The AsyncAPI document of these topics. Addresses are topic names without the deployment's prefix."""
    known = tuple(catalogue)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Call Evidence Stream",
            "version": version,
            "description": (
                "Topics that the processor reads and writes. A deployment may put a prefix before every address."
                " Outputs are CloudEvents 1.0 in binary mode; inputs may be binary, structured or plain JSON."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in known},
        "operations": dict(_operations(known)),
        "components": {
            "messages": {topic.name: _message(topic, schema_version) for topic in known},
            "schemas": {"cloudEventHeaders": _headers()},
        },
    }


def _channel(topic: topics.Topic) -> dict[str, Any]:
    defaults = Settings.model_fields
    count = defaults["input_partitions" if topic.role == "input" else "internal_partitions"].default
    settings: dict[str, Any] = {"cleanup.policy": [topic.cleanup], "max.message.bytes": topic.max_message_bytes}
    if topic.cleanup == "delete":
        settings["retention.ms"] = topic.retention_ms
    channel: dict[str, Any] = {
        "address": topic.name,
        "description": f"{topic.purpose} {ROLE_WORDS[topic.role]}",
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": {"partitions": count, "topicConfiguration": settings, "bindingVersion": KAFKA_BINDING}},
        "x-role": topic.role,
    }
    if topic.name in PLANNED:
        channel["x-status"] = "planned: the topic exists, its stage comes with a later release"
    return channel


def _message(topic: topics.Topic, schema_version: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": topic.name,
        "summary": topic.purpose,
        "contentType": "application/json",
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": KAFKA_BINDING}},
    }
    if topic.role != "internal":
        message["headers"] = {"$ref": "#/components/schemas/cloudEventHeaders"}
    if topic.models:
        schema = {"$ref": f"./{topic.name}.v{schema_version}.json"}
        message["payload"] = {"schemaFormat": SCHEMA_FORMAT, "schema": schema}
    return message


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary mode. Required of outputs, welcome on inputs.",
        "required": list(_REQUIRED_HEADERS),
        "properties": {name: {"type": "string", "description": text} for name, text in _CLOUD_EVENT_HEADERS.items()},
    }


def _operations(known: tuple[topics.Topic, ...]) -> Iterable[tuple[str, dict[str, Any]]]:
    """`receive` and `send` are the processor's own: inputs are received, outputs sent, internal topics both."""
    actions = {"input": ("receive",), "internal": ("send", "receive"), "output": ("send",)}
    for topic in known:
        for action in actions[topic.role] if topic.name not in PLANNED else ():
            yield (
                f"{action}-{topic.name}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic.name}"},
                    "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.name}"}],
                    "bindings": {"kafka": {"bindingVersion": KAFKA_BINDING}},
                },
            )
