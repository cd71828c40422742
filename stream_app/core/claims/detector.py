"""The only place that hears claims: which turns of the agent say that something was done. Pure; the rules are data.

Steps, as numbered below: 1 the agent's turns, 2 sentences and clauses, 3 forms of completion, 4 what keeps a clause
from being a claim (negation, future, possibility, condition, question, habit, what is read out, what is long past),
5 the action by its words, 6 denials that take an earlier claim back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stream_app.core.claims import rules
from stream_app.core.tool_rules import Action


@dataclass(frozen=True, slots=True)
class Said:
    """One turn: who, and what."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The agent said in this turn (from 1) that this was done; `rule` is the form that it said it in."""

    turn: int
    action: Action
    rule: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a transcript. `unjudged` says why nothing was, where the rules do not apply."""

    claims: tuple[Claim, ...] = ()
    mentioned: frozenset[Action] = frozenset()
    """Actions that the agent spoke of as facts, in whatever form; more than was claimed."""
    unjudged: str | None = None


_VERBS = {words.action: re.compile(rf"\b(?:{words.verbs})\b") for words in rules.ACTIONS}
_THINGS = {words.action: re.compile(rf"\b(?:{words.things})\b") for words in rules.ACTIONS}
_NEGATED = dict(rules.BLOCKERS)["negated"]
_UNREAL = tuple(pattern for name, pattern in rules.BLOCKERS if name in ("future", "conditional"))
_ANY = re.compile("|".join(rf"\b(?:{words.verbs}|{words.things})\b" for words in rules.ACTIONS))
"""Any word of any action: most clauses have none, and one search tells."""


def hear(turns: Sequence[Said], language: str | None = None) -> Heard:
    """The claims of these turns. `language` as the call states it (BCP 47); None: judged by the words."""
    # 1. The agent's turns, where the rules know its language.
    own = [(number, turn.text) for number, turn in enumerate(turns, start=1) if _is_agent(turn.speaker)]
    if not own:
        return Heard(unjudged="no turn is known to be the agent's")
    if language is not None and not re.match(r"(?i)en(?:g|glish)?(?:[-_ ]|$)", language):
        return Heard(unjudged=f"no claim rules for the language {language[:16]}")
    if language is None and rules.english_share(" ".join(text for _, text in own)) < rules.ENGLISH_SHARE:
        return Heard(unjudged="no claim rules for the language, which nobody states")
    claims: list[Claim] = []
    mentioned: set[Action] = set()
    for number, text in own:
        for sentence in rules.SENTENCE.split(_plain(text)):
            for clause, asks in _clauses(sentence):
                denied = _denied(clause, asks)
                if denied:
                    # 6. It was not done after all.
                    claims = [claim for claim in claims if claim.action not in denied or claim.turn > number]
                    mentioned -= denied
                    continue
                claims += [Claim(number, action, rule) for action, rule in _claimed(clause, sentence, asks)]
                mentioned |= _mentions(clause, asks)
    once = {claim.action: claim for claim in reversed(claims)}
    kept = sorted(once.values(), key=lambda claim: (claim.turn, claim.action))
    return Heard(tuple(kept), frozenset(mentioned | {claim.action for claim in kept}))


def _is_agent(speaker: str) -> bool:
    return speaker.strip().lower() in rules.AGENTS


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text.lower().replace("’", "'").replace("ʼ", "'")).strip()


def _clauses(sentence: str) -> Iterator[tuple[str, bool]]:
    """2. The clauses of a sentence, and whether each asks."""
    parts = [part.strip(" .!?\"'“”") for part in rules.SPLIT.split(sentence)]
    parts = [part for part in parts if part]
    question = sentence.rstrip("\"'” ").endswith("?")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        yield part, (question and last) or (bool(rules.INVERTED.match(part)) and (question or last))


def _claimed(clause: str, sentence: str, asks: bool) -> Iterator[tuple[Action, str]]:
    if asks:
        return
    for rule, form in rules.FORMS:
        # 3. A form of completion.
        for match in form.finditer(clause):
            # 4. Nothing that keeps it from being a claim.
            if _blocked(clause, match.end()) or (rule in ("passive", "note") and rules.LATER.search(clause)):
                continue
            if rule == "passive" and match.start() == 0:
                continue  # "..., which was booked in May": it tells which one is meant.
            # 5. The action.
            actions = _actions(clause, match, sentence, rule)
            if actions:
                for action in actions:
                    yield action, rule
                return


def _blocked(clause: str, end: int) -> bool:
    before = clause[:end]
    return any(
        pattern.search(clause if name in rules.WHOLE_CLAUSE else before) is not None for name, pattern in rules.BLOCKERS
    )


def _actions(clause: str, match: re.Match[str], sentence: str, rule: str) -> list[Action]:
    if rule == "bare":
        # "Done: ..." is told by what follows; alone it claims no named thing.
        return [] if _things(sentence) else ["unnamed"]
    verbs = [action for action, verb in _VERBS.items() if verb.search(match.group())]
    if verbs:
        # "You were charged" tells of the past; "your card was charged" of what was done.
        return [] if verbs == ["payment"] and re.search(r"\byou (?:were|are|have been)\b", clause) else verbs
    things = _things(_told_of(clause, match, rule))
    if things[:1] == ["order"] and rule not in ("active", "held") and rules.STATUS.search(clause):
        return []
    if things:
        # The first thing named is what it was done to: "a ticket was opened for your refund".
        return [things[0]]
    return ["unnamed"] if rule == "state" and re.search(r"\b(?:everything|you're|we're|that's|it's)\b", clause) else []


def _told_of(clause: str, match: re.Match[str], rule: str) -> str:
    """Where the thing is named that was done: the subject of a passive, if it has one; else anywhere."""
    subject = clause[: match.start()]
    if rule in ("perfect", "passive") and _SUBJECT.search(subject):
        return subject
    return _WHERE_TO.sub(" ", clause) if rule == "active" else clause


_WHERE_TO = re.compile(r"\bto (?:your|the|their|his|her) \w+(?: \w+)?")
"""Where something went: "a voucher to your account" does nothing to the account."""
_SUBJECT = re.compile(
    r"\b(?!(?:and|then|okay|ok|great|so|well|now|it|that|this|they|everything|all|there|you|we|i|which|also|perfect"
    r"|good|news|alright|yes|sure|one|both|these|those|what|see|done)\b)[a-z]{2,}\b"
)
"""A word that may name a thing; pronouns and fillers do not."""


def _things(clause: str) -> list[Action]:
    found = [(match.start(), action) for action, thing in _THINGS.items() if (match := thing.search(clause))]
    return [action for _, action in sorted(found)]


def _mentions(clause: str, asks: bool) -> set[Action]:
    if asks or not _ANY.search(clause) or any(pattern.search(clause) for pattern in (_NEGATED, *_UNREAL)):
        return set()
    return {action for action in _VERBS if _VERBS[action].search(clause) or _THINGS[action].search(clause)}


def _denied(clause: str, asks: bool) -> set[Action]:
    negated = _NEGATED.search(clause) or re.search(r"\bfail", clause)
    if asks or not negated or not rules.DENIED.search(clause) or any(pattern.search(clause) for pattern in _UNREAL):
        return set()
    return {action for action in _VERBS if _VERBS[action].search(clause) or _THINGS[action].search(clause)} | _stems(
        clause
    )


def _stems(clause: str) -> set[Action]:
    """Actions by verbs in their first form: "I could not book it"."""
    words = set(re.findall(r"\w+", clause))
    return {one.action for one in rules.ACTIONS if one.tools & words}
