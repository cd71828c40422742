"""What the agent says was done, and all that only sounds like it."""

from __future__ import annotations

import pytest

from stream_app.core.claims import Said, hear


def heard(*agent: str, language: str | None = "en") -> list[tuple[int, str]]:
    turns = [Said("agent", text) for text in agent]
    return [(claim.turn, claim.action) for claim in hear(turns, language).claims]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("I've issued your refund.", "refund"), ("Your appointment has been booked.", "booking"),
        ("Okay, I went ahead and cancelled it.", "cancellation"), ("Your address is updated now.", "update"),
        ("We've sent you a confirmation by email.", "message"), ("I have your visit rescheduled.", "booking"),
    ],
)  # fmt: skip
def test_a_thing_said_to_be_done_is_a_claim(text: str, action: str) -> None:
    assert heard(text) == [(1, action)]


@pytest.mark.parametrize(
    "text",
    [
        "I have not issued your refund.", "I will issue your refund.", "Would you like me to book it?",
        "If it was cancelled you get a mail.", "I can book that for you.",
        "Refunds are usually issued within five days.",
        "I see that your order was cancelled yesterday.", "Has your refund been issued?", "I couldn't book it.",
        # An adjective, a report of what there was, where something went, and what was done to another thing.
        "Please have the reference and the updated details at hand.", "The reason is: the operator cancelled flights.",
        "You have a visit with us, which was scheduled for May 10.", "Your upcoming visit is booked in the morning.",
        "Your reservation was created on 2024-05-06.", "I've added a note to your account.",
        "A voucher has been issued because of the cancelled flight.", "This policy is in place for each payment.",
    ],
)  # fmt: skip
def test_what_only_sounds_like_one_is_none(text: str) -> None:
    assert heard(text) == []


def test_what_the_caller_says_is_no_claim() -> None:
    assert hear([Said("customer", "You have refunded me."), Said("agent", "Thank you.")], "en").claims == ()


def test_a_denial_takes_the_claim_back() -> None:
    assert heard("I've booked your appointment.", "I am sorry, the booking did not go through.") == []


def test_what_cannot_be_judged_says_why() -> None:
    assert hear([Said("customer", "hi")]).unjudged == "no turn is known to be the agent's"
    assert "language de" in (hear([Said("agent", "Ich habe es gebucht.")], "de").unjudged or "")
    assert hear([Said("agent", "Ihre Erstattung wurde heute veranlasst, sie kommt bald.")]).unjudged
