"""Masks: one a value, however it is said; numbered as they come."""

from __future__ import annotations

from stream_app.core.redaction.masks import Masks, compared, masked, without_masks
from stream_app.core.redaction.spans import Span


def test_one_value_one_mask() -> None:
    masks = Masks()
    assert masks.of("PHONE", "500-555-0142") == "[PHONE_1]"
    assert masks.of("PHONE", "five hundred five five five oh one four two") == "[PHONE_1]"
    assert masks.of("NUMBER", "5005550142") == "[PHONE_1]"
    assert masks.of("PHONE", "500-555-0199") == "[PHONE_2]"
    assert masks.of("PERSON", "Odette Quill") == "[NAME_1]"
    assert masks.of("PERSON", "odette") == "[NAME_1]"
    assert masks.of("PERSON", "Viktor") == "[NAME_2]"


def test_text_with_masks_and_without() -> None:
    text = "call 500-555-0142 or odette"
    spans = [Span(5, 17, "PHONE"), Span(21, 27, "PERSON")]
    assert masked(text, spans, Masks()) == "call [PHONE_1] or [NAME_1]"
    assert without_masks("a [PHONE_1] b ###-### c") == "a           b         c"[: len("a [PHONE_1] b ###-### c")]
    assert len(without_masks("a [PHONE_1] b")) == len("a [PHONE_1] b")


def test_compared() -> None:
    assert compared("five five") == compared("55") == compared("5-5")
    assert compared("Odette  Quill") == "odette quill"
