"""The only place for what calls are told of their names, as the contract writes it: event IDs, and where they stand.

A notice is evidence of the kind `identity`. Its event ID is a name (what is told of which alias) and the place of the
event that made the claim; it stands at that place in a topic of its own, `identity:<alias or call>:<topic>`.
"""

from __future__ import annotations

from tests.chaos.reading import Position

WORDS = ("identity-disputed", "identity-settled", "identity-merged", "identity-linked")


def disputed(alias: str) -> str:
    """Its name: two calls claim the alias."""
    return f"identity-disputed:{alias}"


def settled(alias: str) -> str:
    """Its name: an operator has said whose the alias is."""
    return f"identity-settled:{alias}"


def linked(call: str, own: str) -> str:
    """Its name: a system calls this call `own`."""
    return f"identity-linked:{call}={own}"


def name_of(event_id: str) -> str:
    """A notice's name: its event ID without the place of the claim. The ID itself of any other event."""
    word = event_id.partition(":")[0]
    return event_id.rpartition(":")[0] if word in WORDS and word != event_id else event_id


def of_claim(name: str, claim: Position) -> tuple[str, Position]:
    """(event ID, position) of the notice of this name that the claim at this place brings about."""
    topic, partition, offset = claim
    subject = name.partition(":")[2]
    return f"{name}:{topic}/{partition}/{offset}", (f"identity:{subject}:{topic}", partition, offset)


def unsettled(names: set[str]) -> set[str]:
    """Aliases that are in dispute where a call was told this."""
    said = {word: {name.partition(":")[2] for name in names if name.startswith(f"{word}:")} for word in WORDS}
    return said["identity-disputed"] - said["identity-settled"]
