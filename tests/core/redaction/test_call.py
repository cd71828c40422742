"""Rules over a whole call: questions, numbers in pieces, what is said again; and our generator's unseen seed."""

from __future__ import annotations

from stream_app.core.redaction.call import CallRules
from stream_app.core.redaction.known import known_values
from stream_app.core.redaction.spans import Span, Turn
from stream_app.demo.labelled_turns import labelled_calls

UNSEEN = 977


def masked(turns: list[tuple[str, str]], **options: object) -> list[list[str]]:
    rules = CallRules([Turn(*turn) for turn in turns])
    found = rules.spans(**options)  # type: ignore[arg-type]
    return [[text[span.start : span.end] for span in spans] for (_, text), spans in zip(turns, found, strict=True)]


def test_a_number_over_several_turns_and_its_echo() -> None:
    assert masked(
        [
            ("agent", "what's the best phone number to reach you"),
            ("user", "five zero zero"),
            ("agent", "mm hmm"),
            ("user", "then five five five"),
            ("agent", "go ahead"),
            ("user", "oh one four two"),
            ("agent", "i waited seventy seven minutes"),
        ]
    ) == [[], ["five zero zero"], [], ["five five five"], [], ["oh one four two"], []]


def test_a_name_is_masked_wherever_it_is_said_again() -> None:
    assert masked(
        [
            ("user", "my name is odette lindqvist"),
            ("agent", "thanks odette, let me pull that up"),
            ("user", "it was lindqvist's card"),
        ]
    ) == [["odette lindqvist"], ["odette"], ["lindqvist"]]


def test_an_organisation_that_names_itself_is_no_person() -> None:
    assert masked([("agent", "Thank you for calling Tallgrass Mobile, this is Keiko.")]) == [["Keiko"]]


def test_what_a_model_finds_counts_unless_it_is_an_ordinary_word() -> None:
    text = "goodbye wilhelmina"
    extra = {0: [Span(0, 7, "PERSON", "ner"), Span(8, 18, "PERSON", "ner")]}
    assert masked([("user", text)], extra=extra) == [["wilhelmina"]]


def test_known_values_in_any_form_and_over_turns() -> None:
    turns = [("user", "two two oh four one nine"), ("agent", "okay"), ("user", "seven seven")]
    assert masked(turns, known=known_values(["22041977"])) == [["two two oh four one nine"], [], ["seven seven"]]
    assert masked(turns) == [[], [], []]


def test_recall_and_precision_on_an_unseen_seed() -> None:
    found = total = right = wrong = 0
    for call in labelled_calls(60, UNSEEN):
        rules = CallRules([Turn(turn.speaker, turn.text) for turn in call]).spans()
        for turn, spans in zip(call, rules, strict=True):
            places = {place for span in spans for place in range(span.start, span.end)}
            for start, end, _, _ in turn.spans:
                inside = [place for place in range(start, end) if turn.text[place].isalnum()]
                total += 1
                found += sum(place in places for place in inside) >= 0.9 * len(inside)
            for span in spans:
                hit = any(start < span.end and end > span.start for start, end, _, _ in turn.spans)
                right, wrong = right + hit, wrong + (not hit)
    assert total > 400
    assert found / total >= 0.99
    assert right / (right + wrong) >= 0.9
