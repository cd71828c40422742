"""Our labelled turns: the same for a seed, labels where the values stand, fictional values alone."""

from __future__ import annotations

import re

from stream_app.demo.labelled_turns import known_of, labelled_calls


def test_the_same_seed_gives_the_same_turns() -> None:
    assert labelled_calls(5, 3) == labelled_calls(5, 3)
    assert labelled_calls(5, 3) != labelled_calls(5, 4)


def test_labels_stand_on_values() -> None:
    calls = labelled_calls(80, 5)
    kinds = {kind for call in calls for turn in call for _, _, kind, _ in turn.spans}
    assert len(kinds) == 11
    assert {how for call in calls for turn in call for *_, how in turn.spans} == {
        "written",
        "spoken",
        "spelled",
        "split",
    }
    for call in calls:
        for turn in call:
            for start, end, _, _ in turn.spans:
                value = turn.text[start:end]
                assert value
                assert value == value.strip()
    assert any(not turn.spans for call in calls for turn in call)


def test_phones_and_mail_are_fictional() -> None:
    for call in labelled_calls(80, 6):
        for value in known_of(call):
            if "@" in value:
                assert value.endswith(("@example.com", "@example.org"))
            elif re.fullmatch(r"[+()\d -]{10,}", value) and len(re.sub(r"\D", "", value)) in (10, 11) and "-" in value:
                assert "500" in value
