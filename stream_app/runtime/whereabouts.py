"""The only place that finds a call by any of its names, and lists open joins, from whoever knows the rows.

The same questions go to the workers (`inquiry`) or to the changelogs (`changelogs.Remembered`). What comes back holds
no value of the evidence; names that hold a phone number are masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from stream_app.core.identities import alias_key
from stream_app.core.identity import MAX_HOPS
from stream_app.core.open_joins import Wanted, merged
from stream_app.providers.privacy import Screen
from stream_app.settings import StageName

MAX_NAMES = 500
"""Names of one call that are looked up: more are a fault of whoever makes them."""


class Asked(Protocol):
    """Who answers questions about rows."""

    @property
    def unanswered(self) -> Sequence[str]:
        """`stage/partition` of what was asked for and not answered."""
        ...

    async def ask(self, stage: StageName, question: Mapping[str, Any], keys: Iterable[str] | None) -> dict[int, Any]:
        """Answers by partition; `keys` are those of the rows that are asked for, None: of all partitions."""
        ...


async def find(asked: Asked, name: str, screen: Screen) -> dict[str, Any] | None:
    """What is known of the call with this canonical ID or alias (`scheme:value`, or the value alone); None: nothing."""
    # 1. By the name as it was given; then as the value of any scheme.
    aliases = await _aliases(asked, [name])
    call = await _call(asked, name)
    if call is None and not aliases:
        aliases = {one["alias"]: one for one in _joined(await asked.ask("identity", _named(name), None))}
    owners = list(dict.fromkeys(one["canonicalCallId"] for one in aliases.values() if one["canonicalCallId"]))
    asked_for = sorted(aliases)
    call_id = name if call is not None else (owners[0] if owners else None)
    # 2. The call, and which call it is now, where it was merged.
    merged_from: list[str] = []
    while call_id is not None and len(merged_from) <= MAX_HOPS:
        call = call if call is not None else await _call(asked, call_id)
        if call is None or call["mergedInto"] is None:
            break
        merged_from.append(call_id)
        call_id, call = call["mergedInto"], None
    # 3. All its names, and whose they are.
    named = () if call is None else (alias_key(*one) for one in _names_of(call))
    aliases = await _neighbours(asked, aliases, named)
    if call is None:
        if not aliases and not merged_from:
            return None
        return _masked({**_without_call(aliases, asked_for, call_id), "mergedFrom": merged_from}, screen)
    # 4. What was sealed of it.
    found = {**call, "mergedFrom": merged_from, **_identity(aliases, call, asked_for)}
    found["packets"] = await _sealed(asked, call)
    del found["days"], found["namedBy"]
    return _masked(found, screen)


async def open_joins(asked: Asked, wanted: Wanted, screen: Screen) -> dict[str, Any]:
    """The open joins of all partitions that answer (`core.open_joins.merged`)."""
    answers = await asked.ask("join", {"question": "open", "wanted": msgspec.to_builtins(wanted)}, None)
    found = merged(answers.values(), wanted.limit)
    # Nothing else in a row is a name that anybody gave.
    joins = [{**row, "canonicalCallId": _mask(row["canonicalCallId"], screen)} for row in found["joins"]]
    return {**found, "joins": joins, "partitions": sorted(answers)}


def _named(value: str) -> dict[str, Any]:
    return {"question": "named", "value": value}


def _joined(answers: Mapping[int, Any]) -> list[dict[str, Any]]:
    return [one for _, found in sorted(answers.items()) for one in found]


async def _aliases(asked: Asked, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those of the aliases that are known, by name."""
    wanted = [name for name in names if ":" in name]
    if not wanted:
        return {}
    answers = await asked.ask("identity", {"question": "aliases", "names": wanted}, wanted)
    return {one["alias"]: one for one in _joined(answers)}


async def _call(asked: Asked, call_id: str) -> dict[str, Any] | None:
    """The call by its ID; where a partition knows it."""
    answers = await asked.ask("join", {"question": "call", "call": call_id}, [call_id])
    return next(({**one, "partition": part} for part, one in sorted(answers.items()) if one is not None), None)


def _names_of(call: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (scheme, value)
        for scheme, shown in call["aliases"].items()
        for value in (shown, *call["furtherAliases"].get(scheme, ()))
    ]


async def _neighbours(
    asked: Asked, known: dict[str, dict[str, Any]], names: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The aliases, those that the call's evidence names, and their neighbours, as far as an edge leads."""
    found = dict(known)
    seen = set(found)
    edges = (edge for one in known.values() for edge in one["edges"])
    fresh = [name for name in dict.fromkeys((*names, *edges)) if name not in seen]
    for _ in range(MAX_HOPS + 1):
        fresh = fresh[: MAX_NAMES - len(seen)]
        if not fresh:
            break
        seen.update(fresh)
        came = await _aliases(asked, fresh)
        found.update(came)
        fresh = [
            edge for edge in dict.fromkeys(edge for one in came.values() for edge in one["edges"]) if edge not in seen
        ]
    return found


def _identity(aliases: Mapping[str, Any], call: Mapping[str, Any], asked_for: Sequence[str]) -> dict[str, Any]:
    """Who the call is: every name, who said so, how sure that is."""
    call_id = call["canonicalCallId"]
    named_by = call["namedBy"]
    own = [one for one in aliases.values() if one["canonicalCallId"] == call_id]
    disputed = [one for one in aliases.values() if call_id in one["disputed"]]
    names = [
        {
            "alias": name,
            "saidBy": aliases[name]["saidBy"] if name in aliases else None,
            "namedBy": named_by.get(name, []),
            "state": _state(aliases.get(name), call_id),
        }
        for name in sorted({*named_by, *(one["alias"] for one in own)})
    ]
    said = {
        "askedFor": list(asked_for),
        "names": names,
        "saidBy": {one["alias"]: one["saidBy"] for one in own},
        "minted": any(one["minted"] for one in own),
        "ownNames": sorted({one["own"] for one in own if one["own"]}),
        "disputed": [{"alias": one["alias"], "claimedBy": one["disputed"]} for one in disputed],
        "parked": [event for one in disputed for event in one["parked"]],
    }
    words = [_disputed(one["alias"], one["disputed"]) for one in disputed]
    return {**said, "verdict": "; ".join((*words, call["verdict"]))}


def _disputed(alias: str, claims: Sequence[str]) -> str:
    return f"{alias} is disputed: claimed by {' and '.join(claims)}, until an operator's link says whose it is"


def _state(alias: Mapping[str, Any] | None, call_id: str) -> str:
    if alias is None:
        return "not in identity's memory"
    if alias["disputed"]:
        return "disputed"
    owner = alias["canonicalCallId"]
    if owner is None:
        return "waits for a link"
    if owner != call_id:
        return f"linked to {owner}"
    return "minted" if alias["minted"] else "linked"


def _without_call(aliases: Mapping[str, Any], asked_for: Sequence[str], call_id: str | None) -> dict[str, Any]:
    """A name, and no call in the join's memory that goes with it."""
    group = [aliases[name] for name in sorted(aliases)]
    parked = [event for one in group for event in one["parked"]]
    disputed = [_disputed(one["alias"], one["disputed"]) for one in group if one["disputed"]]
    candidates = sorted({call for one in group for call in one["candidates"]})
    if disputed:
        verdict = "; ".join(disputed)
    elif candidates:
        verdict = f"a report that names an account alone; it may mean {' or '.join(candidates)}: say which"
    elif call_id is not None:
        verdict = "the call is no longer in the join's memory, or has no evidence yet"
    elif any(one["orphaned"] for one in group):
        verdict = "an orphan: events wait, nothing has linked the alias to a call, and no call-ended came in time"
    else:
        verdict = "an alias that nothing has linked to a call yet"
    return {
        "canonicalCallId": call_id,
        "askedFor": list(asked_for),
        "aliases": [one["alias"] for one in group],
        "linkedTo": sorted({edge for one in group for edge in one["edges"]}),
        "saidBy": {one["alias"]: one["saidBy"] for one in group if one["saidBy"]},
        "minted": any(one["minted"] for one in group),
        "disputed": [{"alias": one["alias"], "claimedBy": one["disputed"]} for one in group if one["disputed"]],
        "orphaned": [one["alias"] for one in group if one["orphaned"]],
        "due": {one["alias"]: one[when] for one in group for when in ("mintAt", "orphanAt") if when in one},
        "parked": parked,
        "verdict": verdict,
    }


async def _sealed(asked: Asked, call: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not call["versionsOrdered"]:
        return []
    question = {
        "question": "sealed",
        "call": call["canonicalCallId"],
        "days": call["days"],
        "versions": call["versionsOrdered"],
    }
    return _joined(await asked.ask("seal", question, ()))


_PLAIN = ("At", "Since", "Time", "Hash", "sha256", "policy")
"""Ends of fields' names whose values are no names."""


def _masked(document: dict[str, Any], screen: Screen) -> dict[str, Any]:
    masked: dict[str, Any] = {name: _shown(value, name, screen) for name, value in document.items()}
    return masked


def _shown(value: Any, field: str, screen: Screen) -> Any:
    if isinstance(value, dict):
        return {_mask(name, screen): _shown(one, name, screen) for name, one in value.items()}
    if isinstance(value, list):
        return [_shown(one, field, screen) for one in value]
    if isinstance(value, str) and not field.endswith(_PLAIN):
        return screen.text(value) if field == "verdict" else _mask(value, screen)
    return value


def _mask(name: str, screen: Screen) -> str:
    """A name that holds a number as a digest; an alias keeps its scheme."""
    shown = screen.name(name)
    if shown == name:
        return name
    scheme, colon, value = name.partition(":")
    return f"{scheme}:{screen.name(value)}" if colon and screen.name(scheme) == scheme else shown


def path_of(name: str) -> str:
    """A call's name as one part of an address's path."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")
