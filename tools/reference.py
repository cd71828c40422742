"""The only place that makes the reference pages: topics, settings and commands, read from the code they describe."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from stream_app.settings import Settings
from stream_app.topics import DAY_MS, MIB, TOPICS, Topic
from tools.asyncapi import PLANNED, ROLE_WORDS
from tools.docstrings import field_docs

HELP_WIDTH = 100


def made_by(command: str = "make docs") -> str:
    """The comment that every generated page opens with."""
    return f"<!-- Made by `{command}` from the code. Do not edit: the next run writes it anew. -->\n"


def topics_page() -> str:
    """Every topic: key, record, partitions, clean-up; one table per role."""
    parts = [made_by(), "# Topics\n"]
    parts.append(
        "Names stand without the deployment's prefix (`STREAM_APP_TOPIC_PREFIX`)."
        " `stream-app topics apply` creates them; nothing is created by accident.\n"
    )
    for role in ("input", "internal", "output"):
        parts.append(f"## {role.capitalize()}\n\n{ROLE_WORDS[role]}\n")
        parts.append("| topic | key | carries | schema | kept | largest record |\n|---|---|---|---|---|---|")
        parts += [_topic_row(topic) for topic in TOPICS if topic.role == role]
        parts.append("")
    parts.append("Partitions: inputs may have any number, internal and output topics have one common number")
    parts.append("(`STREAM_APP_INTERNAL_PARTITIONS`). The whole interface stands in `schemas/asyncapi.json`.")
    return "\n".join(parts) + "\n"


def _topic_row(topic: Topic) -> str:
    kept = "the newest per key" if topic.cleanup == "compact" else f"{topic.retention_ms // DAY_MS} days"
    schema = f"[v1](../../schemas/{topic.name}.v1.json)" if topic.models else "each provider's own"
    purpose = topic.purpose + (" (Planned: no stage reads or writes it yet.)" if topic.name in PLANNED else "")
    largest = f"{topic.max_message_bytes // MIB} MiB"
    return f"| `{topic.name}` | {topic.key} | {purpose} | {schema} | {kept} | {largest} |"


def settings_page() -> str:
    """Every knob: environment variable, type, default, reason."""
    docs = field_docs(Settings)
    parts = [made_by(), "# Settings\n"]
    parts.append("Read from the environment. A list is written as JSON.\n")
    parts.append("| variable | default | what it is for |\n|---|---|---|")
    for name, info in Settings.model_fields.items():
        default = "not set" if info.default is None else f"`{_plain(info.default)}`"
        parts.append(f"| `STREAM_APP_{name.upper()}` | {default} | {_cell(docs.get(name, _words(name)))} |")
    return "\n".join(parts) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return str(value) if str(value) else '""'


def _words(name: str) -> str:
    return name.replace("_", " ").replace("s3", "S3").capitalize() + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def cli_page() -> str | None:
    """The help of every command; None while there is no command line."""
    group = command_group()
    if group is None:
        return None
    parts = [made_by(), "# Commands\n"]
    parts.append("Exit codes: 0 yes, 1 a negative answer, 2 wrong use, 3 and above trouble in the environment.\n")
    for path, text in _helps(group, "stream-app"):
        parts.append(f"## `{path}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def command_group() -> Any | None:
    """The click group of `stream-app`, or None while it does not exist."""
    try:
        module = import_module("stream_app.__main__")
    except ModuleNotFoundError as error:
        if error.name != "stream_app.__main__":
            raise
        return None
    return getattr(module, "cli", None) or getattr(module, "main", None)


def _helps(command: Any, path: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    import click

    context = click.Context(
        command,
        info_name=path.rsplit(" ", 1)[-1],
        parent=parent,
        max_content_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],  # As the front door has it.
        terminal_width=HELP_WIDTH,
    )
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(context)):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _helps(child, f"{path} {name}", context)
