"""The rules are data that hold together: every action has its words, every blocker its name."""

from __future__ import annotations

import re
from typing import get_args

from stream_app.core.claims import rules
from stream_app.core.tool_rules import Action


def test_every_action_has_words_and_tools() -> None:
    actions = {words.action for words in rules.ACTIONS}
    assert actions == set(get_args(Action)) - {"unnamed"}
    assert all(words.tools and re.compile(words.verbs) and re.compile(words.things) for words in rules.ACTIONS)
    assert rules.ACTIONS[2].action == "cancellation", "compared names it by its place"


def test_blockers_and_forms_have_names_of_their_own() -> None:
    names = [name for name, _ in rules.BLOCKERS]
    assert len(set(names)) == len(names)
    assert set(names) >= rules.WHOLE_CLAUSE
    assert len({name for name, _ in rules.FORMS}) == len(rules.FORMS)


def test_english_is_known_by_its_common_words() -> None:
    assert rules.english_share("I have the refund for you and it is on the way") > rules.ENGLISH_SHARE
    assert rules.english_share("Ihre Erstattung wurde veranlasst") < rules.ENGLISH_SHARE
    assert rules.english_share("") == 0.0
