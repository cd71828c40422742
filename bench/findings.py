"""The only place for the command `python -m bench.findings`: how good the findings are, as precision and recall."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import click

from bench.finding_cases import KINDS, Case, cases, rules_of
from bench.finding_phrases import SEEN, UNSEEN, Phrases
from stream_app.core.claims import Said, compare, hear, rules
from stream_app.core.claims.compared import actions_of
from stream_app.core.events import ToolCall
from stream_app.core.evidence import Position, event_digest, kind_of, reduce_event
from stream_app.core.instants import format_instant
from stream_app.core.orders import Item
from stream_app.core.tool_findings import merged_tools
from stream_app.core.tool_rules import ToolRules
from stream_app.demo.conversations import Conversation
from stream_app.demo.convert import convert
from stream_app.demo.generator import generate
from stream_app.demo.scripts import SCRIPTS

SEED, EACH, DEMO_CALLS = 2026, 100, 2_000
SETS: tuple[tuple[str, tuple[Phrases, ...]], ...] = (("seen", SEEN), ("unseen", UNSEEN))


@dataclass
class Score:
    """Of one kind: found and so, found and not so, not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """1 where nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """1 where nothing was to be found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def add(self, other: Score) -> Score:
        """Both together."""
        return Score(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)


Scores = dict[str, Score]
Told = Callable[[str, str, bool], None]
"""(call, kind, whether it was missed): an error."""


def scored(pairs: Iterable[tuple[str, frozenset[str], frozenset[str]]], told: Told | None = None) -> Scores:
    """By kind, of (call, expected, found)."""
    scores = {kind: Score() for kind in KINDS}
    for name, expected, found in pairs:
        for kind, score in scores.items():
            score.right += kind in expected and kind in found
            score.wrong += kind in found and kind not in expected
            score.missed += kind in expected and kind not in found
            if told is not None and (kind in expected) != (kind in found):
                told(name, kind, kind in expected)
    return scores


def found_in(tools: Sequence[Item], turns: Sequence[Said], known: ToolRules | None, language: str) -> frozenset[str]:
    """What is found in a call."""
    merged = merged_tools(tools, known)
    compared = compare(hear(turns, language), merged, None if known is None else known.actions)
    found = {finding for tool in merged for finding in tool.findings}
    return frozenset(
        found
        | ({"claimed_not_proved"} if compared.unproved else set())
        | ({"proved_not_said"} if compared.unsaid else set())
    )


def on_cases(
    phrases: Sequence[Phrases], each: int = EACH, told: Callable[[Case, str, bool], None] | None = None
) -> Scores:
    """On the seeded cases made of these sentences."""
    made = cases(phrases, SEED, each)
    known = rules_of(phrases)
    by_name = {case.name: case for case in made}
    pairs = ((case.name, case.expected, found_in(case.tools, case.turns, known, "en")) for case in made)
    return scored(pairs, None if told is None else lambda name, kind, missed: told(by_name[name], kind, missed))


def on_demo(count: int = DEMO_CALLS) -> Scores:
    """On the demo's generated calls in English; what is so is read off the conversation, not off the events."""
    pairs = []
    for told in generate(count, SEED):
        if told.language != "en":
            continue
        call = convert(told, SEED, complete=True)
        tools = [_item(number, event) for number, event in enumerate(call.sent("tool-call"))]
        turns = [Said(turn.speaker, turn.text) for turn in told.turns]
        pairs.append((told.call_id, _truth(told), found_in(tools, turns, None, "en")))
    return scored(pairs)


def _item(number: int, document: dict[str, object]) -> Item:
    event = ToolCall.from_dict({**document, "occurredAt": format_instant(1_780_512_000_000 + number), "traceId": "t"})
    reduced = reduce_event(event)
    return Item(
        kind=kind_of(reduced), event_id=event.event_id,
        position=Position(topic="tool-call", partition=0, offset=number),
        received_at=event.occurred_at, occurred_at=event.occurred_at, digest=event_digest(event), event=reduced,
    )  # fmt: skip


_ENGLISH = next(script for script in SCRIPTS if script.language == "en")
_DONE = {
    lines.done.partition(" {")[0].partition(":")[0]: errand
    for errand, lines in _ENGLISH.errands
    if errand in ("refund", "booking", "address_change")
}
_TOOLS = {"refund": "issue_refund", "booking": "book_appointment", "address_change": "update_address"}


def _truth(told: Conversation) -> frozenset[str]:
    """From the script: which errand's closing line was spoken, and what the drafts of its tools say."""
    found: set[str] = set()
    done: dict[str, int] = {}
    for use in told.tool_calls:
        failed = use.status if use.status is not None else "failed" if use.is_error or use.error else "succeeded"
        if failed != "succeeded":
            found.add(failed)
            continue
        done[use.name] = done.get(use.name, 0) + 1
        if use.write and done[use.name] > 1:
            found.add("duplicated_write")
    spoken = {
        errand
        for turn in told.turns
        if turn.speaker == "agent"
        for begins, errand in _DONE.items()
        if turn.text.startswith(begins)
    }
    if any(_TOOLS[errand] not in done for errand in spoken):
        found.add("claimed_not_proved")
    if any(tool in done and errand not in spoken for errand, tool in _TOOLS.items()):
        found.add("proved_not_said")
    return frozenset(found)


def claims_of(scores: Scores) -> Score:
    """The two kinds that a transcript takes part in, together: what packets state."""
    return scores["claimed_not_proved"].add(scores["proved_not_said"])


@click.command()
@click.option("--errors", is_flag=True, help="Print what was found and is not so, and what was missed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(errors: bool, as_json: bool) -> None:
    """Measure the findings on seeded cases (100 of each kind, twice as many clean ones) and on the demo's calls."""

    def told(case: Case, kind: str, missed: bool) -> None:
        talk = " | ".join(turn.text for turn in case.turns if turn.speaker == "agent")
        click.echo(f"{'missed' if missed else 'wrong '} {kind:<18} {case.name}: {talk}", err=True)

    results = {name: on_cases(phrases, told=told if errors else None) for name, phrases in SETS}
    results["demo"] = on_demo()
    if as_json:
        document = {
            name: {kind: {"precision": one.precision, "recall": one.recall} for kind, one in scores.items()}
            for name, scores in results.items()
        }
        click.echo(json.dumps({"rules": rules.VERSION, "seed": SEED, **document}, indent=1))
        return
    click.echo(f"rules {rules.VERSION}, seed {SEED}, {EACH} cases of each kind, {DEMO_CALLS} demo calls (English ones)")
    click.echo(f"{'':<20}" + "".join(f"{name + ' P':>10}{name + ' R':>10}" for name in results))
    for kind in KINDS:
        figures = "".join(f"{scores[kind].precision:>10.3f}{scores[kind].recall:>10.3f}" for scores in results.values())
        click.echo(f"{kind:<20}{figures}")
    total = claims_of(results["unseen"])
    click.echo(f"claims, unseen: precision {total.precision:.3f}, recall {total.recall:.3f}")


if __name__ == "__main__":
    main()

__all__ = ["actions_of", "claims_of", "found_in", "main", "on_cases", "on_demo", "scored"]
