"""Claims beside tool calls: proved, not proved, not said; and nothing where it cannot be told."""

from __future__ import annotations

import pytest

from stream_app.core.claims import Said, compare, hear
from stream_app.core.claims.compared import actions_of
from stream_app.core.tool_findings import MergedTool, merged_tools
from tests import evidence


def tools(name: str, status: str = "succeeded", effect: str | None = "write") -> tuple[MergedTool, ...]:
    more = {} if effect is None else {"sideEffect": {"kind": effect}}
    return merged_tools([evidence.tool("t", name=name, status=status, **more)])


REFUNDED = hear([Said("agent", "I've issued your refund.")], "en")
SILENT = hear([Said("agent", "Thank you for calling.")], "en")


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("issue_refund", {"refund"}), ("getRefund", set()), ("cancel_booking", {"cancellation"}), ("doIt", None),
        ("BookAppointment", {"booking"}),
    ],
)  # fmt: skip
def test_a_tools_name_says_what_it_does(name: str, actions: set[str] | None) -> None:
    found = actions_of(name)
    assert (found if found is None else set(found)) == actions


def test_a_claim_is_proved_by_a_write_that_succeeded_and_by_nothing_else() -> None:
    assert compare(REFUNDED, tools("issue_refund")).unproved == ()
    assert compare(REFUNDED, tools("issue_refund")).proofs[0][1] == (("t", 1),)
    for others in ((), tools("issue_refund", "failed"), tools("lookup_refund", effect="read"), tools("book_visit")):
        assert [claim.action for claim in compare(REFUNDED, others).unproved] == ["refund"]


def test_a_write_whose_name_says_nothing_may_be_the_proof() -> None:
    assert compare(REFUNDED, tools("execute")).unproved == ()
    assert compare(REFUNDED, tools("execute"), {"execute": frozenset({"booking"})}).unproved


def test_a_booking_may_charge_a_card_and_does_not_give_money_back() -> None:
    charged = hear([Said("agent", "Your card has been charged.")], "en")
    assert compare(charged, tools("book_visit")).unproved == ()
    assert [claim.action for claim in compare(charged, tools("send_email")).unproved] == ["payment"]


def test_a_write_that_nobody_speaks_of_is_found() -> None:
    assert compare(SILENT, tools("issue_refund")).unsaid == (("t", 1),)
    assert compare(REFUNDED, tools("issue_refund")).unsaid == ()
    assert compare(SILENT, tools("execute")).unsaid == (), "its name does not say what it did"
