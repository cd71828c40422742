"""Whether command lines that pages show exist: make targets in the Makefile, commands and options in click."""

from __future__ import annotations

import shlex

import click

FOREIGN = ("git", "cd", "docker", "export", "set", "python", "sha256sum")
"""First words of lines that call somebody else's program: not ours to check."""


def problems(lines: list[str], targets: set[str], group: click.Group) -> list[str]:
    """What the lines call that does not exist, one sentence each."""
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and "=" in words[0] and not words[0].startswith("-"):
            words = words[1:]
        if not words:
            continue
        if words[0] == "make":
            called = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            found += [f"{line}: no make target {word}" for word in called if word not in targets]
        elif words[0].endswith("stream-app"):
            found += [f"{line}: {text}" for text in _click_problems(words[1:], group)]
        elif words[0] not in FOREIGN:
            found.append(f"{line}: neither make nor stream-app nor a known program")
    return found


def _click_problems(words: list[str], group: click.Group) -> list[str]:
    command: click.Command = group
    path = "stream-app"
    options: list[str] = []
    for word in words:
        if word in {"|", ">", "<", "&&", "&"}:
            break
        if word.startswith("-") and word != "-":
            options.append(word.split("=")[0])
        elif isinstance(command, click.Group):
            child = command.get_command(click.Context(command), word)
            if child is None:
                return [f"{path} has no command {word}"]
            command, path = child, f"{path} {word}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return [f"{path} has no option {option}" for option in options if option not in {*known, "--help"}]
