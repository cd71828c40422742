"""Errands use the tools they need, and every trouble looks as a real system would tell it."""

from __future__ import annotations

import random
import re

import pytest

from stream_app.demo.conversations import ToolUse
from stream_app.demo.errands import TIMEOUT_MS, TROUBLES, WRITES, Caller, Trouble, draw_caller, run_errand
from stream_app.demo.scripts import SCRIPTS, Errand

MANY = range(60)


def uses_of(errand: Errand, trouble: Trouble | None, seed: int) -> tuple[list[ToolUse], bool]:
    draw = random.Random(seed)
    drafts, done = run_errand(draw, errand, draw_caller(draw, SCRIPTS[seed % len(SCRIPTS)]), trouble)
    return [ToolUse(**draft) for draft in drafts], done


@pytest.mark.parametrize(
    ("errand", "names"),
    [
        ("order_status", ["lookup_order"]),
        ("refund", ["lookup_order", "issue_refund"]),
        ("booking", ["find_slots", "book_appointment"]),
        ("balance", ["get_balance"]),
        ("address_change", ["update_address"]),
        ("question", []),
    ],
)
def test_an_errand_that_goes_well_uses_these_tools(errand: Errand, names: list[str]) -> None:
    for seed in MANY:
        uses, done = uses_of(errand, None, seed)
        assert done
        assert [use.name for use in uses] == names
        assert all(use.status == "succeeded" and not use.is_error and use.error is None for use in uses)
        assert all(80 <= (use.latency_ms or 0) < 1_500 for use in uses)
        assert any(use.write for use in uses) == (errand in WRITES)
        assert all(bool(use.write) == (use.idempotency_key is not None) for use in uses)


@pytest.mark.parametrize("errand", WRITES)
def test_a_duplicated_write_is_two_successes_that_differ_in_nothing_but_latency(errand: Errand) -> None:
    for seed in MANY:
        uses, done = uses_of(errand, "duplicated_write", seed)
        first, second = uses[-2:]
        assert done
        assert first.write
        assert first.status == second.status == "succeeded"
        assert first.model_copy(update={"latency_ms": None}) == second.model_copy(update={"latency_ms": None})


@pytest.mark.parametrize("trouble", [trouble for trouble in TROUBLES if trouble != "duplicated_write"])
def test_trouble_strikes_one_tool_and_ends_the_errand_or_is_tried_again(trouble: Trouble) -> None:
    seen = set()
    for seed in MANY:
        uses, done = uses_of("refund", trouble, seed)
        struck = [number for number, use in enumerate(uses) if use.status != "succeeded"]
        assert len(struck) == 1
        bad, after = uses[struck[0]], uses[struck[0] + 1 :]
        assert done == bool(after)
        if done:
            assert (after[0].name, after[0].args, after[0].idempotency_key) == (bad.name, bad.args, bad.idempotency_key)
            assert uses[-1].name == "issue_refund"
        seen.add((bad.name, done))
        check_told(trouble, bad)
    assert {name for name, _ in seen} == {"lookup_order", "issue_refund"}
    assert {done for _, done in seen} == ({False} if trouble == "invalid_result" else {False, True})


def check_told(trouble: Trouble, use: ToolUse) -> None:
    if trouble == "failed_flag":
        assert (use.status, use.is_error, use.error) == (None, True, None)
        assert use.result["error"]
    elif trouble == "failed_text":
        assert (use.status, use.is_error, use.result) == (None, None, None)
        assert use.error
    elif trouble == "timed_out":
        assert (use.status, use.result) == ("timed_out", None)
        assert (use.latency_ms or 0) >= TIMEOUT_MS
        assert use.retries >= 1
        assert "10 s" in (use.error or "")
    else:
        assert use.status == "invalid_result"
        assert use.result != {}


def test_callers_are_fictional() -> None:
    callers: list[Caller] = [draw_caller(random.Random(seed), script) for script in SCRIPTS for seed in range(20)]
    for caller in callers:
        assert re.fullmatch(r"\+1-202-555-01\d\d", caller.phone)
        assert re.fullmatch(r"[a-z.]+@example\.com", caller.email)
        assert 5 <= caller.amount <= 400
    assert {caller.currency for caller in callers} == {"USD", "EUR", "BRL"}
    assert any(not caller.name.isascii() for caller in callers)
