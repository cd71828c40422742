"""The only place for the tool calls of the generated calls: which tools an errand uses, and how they go wrong.

A tool call is a draft here, the fields of a ToolUse by name: its ID and its place in time come from the generator.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

from stream_app.demo.scripts import Errand, Script

Trouble = Literal["failed_flag", "failed_text", "timed_out", "invalid_result", "duplicated_write"]
TROUBLES: tuple[Trouble, ...] = ("failed_flag", "failed_text", "timed_out", "invalid_result", "duplicated_write")
"""How tools go wrong. The first two are both failures, told once by `is_error` and once by an error text alone."""

TIMEOUT_MS = 10_000
SECOND_TRY_SHARE = 0.4
"""Of the calls whose tool failed or timed out, those in which the agent calls it once more, then with success."""

WRITES: tuple[Errand, ...] = ("refund", "booking", "address_change")
"""Errands that change something, and so can change it twice."""

Draft = dict[str, Any]
"""Fields of a ToolUse but for `id`, `t_ms` and `turn_i`."""

_ERRORS = ("connection reset by peer", "backend answered 503", "record is locked", "rate limit exceeded")
_UNREADABLE: tuple[Any, ...] = ("<html><body>Bad gateway</body></html>", {"data": None}, [], {"rows": "NaN"})
_SERVICES = ("repair", "installation", "inspection")


@dataclass(frozen=True)
class Caller:
    """Who calls, and about what: fictional throughout."""

    name: str
    reference: str
    customer_id: str
    phone: str
    email: str
    street: str
    city: str
    day: str
    amount: float
    currency: str

    def slots(self) -> dict[str, str]:
        """What the script's lines may name."""
        return {
            "name": self.name, "first": self.name.split()[0], "reference": self.reference, "day": self.day,
            "amount": f"{self.amount:.2f}", "currency": self.currency,
        }  # fmt: skip


def draw_caller(draw: random.Random, script: Script) -> Caller:
    """A person of the script's language. Phone numbers are from 555-0100 to 555-0199, kept free for fiction."""
    name = draw.choice(script.people)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return Caller(
        name=name,
        reference=f"{draw.choice('ABCDEF')}-{draw.randint(1000, 9999)}",
        customer_id=f"cus_{draw.randint(10_000, 99_999)}",
        phone=f"+1-202-555-01{draw.randint(0, 99):02d}",
        email=plain.lower().replace(" ", ".") + "@example.com",
        street=f"{draw.choice(script.streets)} {draw.randint(1, 180)}",
        city=draw.choice(script.cities),
        day=draw.choice(script.days),
        amount=draw.randint(500, 40_000) / 100,
        currency=script.currency,
    )


def run_errand(
    draw: random.Random, errand: Errand, caller: Caller, trouble: Trouble | None
) -> tuple[list[Draft], bool]:
    """The tools used, in order, and whether the errand got done.

    Trouble strikes one of them; a duplicated write needs an errand of WRITES, any other trouble one that uses tools.
    """
    plan = _plan(draw, errand, caller)
    if trouble is None:
        return plan, True
    if trouble == "duplicated_write":
        return [*plan, plan[-1] | {"latency_ms": _latency(draw)}], True
    struck = draw.randrange(len(plan))
    uses = [*plan[:struck], _strike(draw, plan[struck], trouble)]
    if trouble != "invalid_result" and draw.random() < SECOND_TRY_SHARE:
        return [*uses, *plan[struck:]], True
    return uses, False  # What would have followed is never tried.


def _strike(draw: random.Random, use: Draft, trouble: Trouble) -> Draft:
    error = draw.choice(_ERRORS)
    if trouble == "failed_flag":
        return use | {"status": None, "is_error": True, "result": {"error": error}, "retries": draw.randint(0, 2)}
    if trouble == "failed_text":
        return use | {"status": None, "error": error, "result": None, "retries": draw.randint(0, 2)}
    if trouble == "timed_out":
        return use | {
            "status": "timed_out", "error": f"no answer within {TIMEOUT_MS // 1000} s", "result": None,
            "latency_ms": TIMEOUT_MS + draw.randint(0, 1_500), "retries": draw.randint(1, 3),
        }  # fmt: skip
    return use | {"status": "invalid_result", "result": draw.choice(_UNREADABLE)}


def _plan(draw: random.Random, errand: Errand, caller: Caller) -> list[Draft]:
    amount, reference = caller.amount, caller.reference
    money = {"amount": amount, "currency": caller.currency}
    lookup = _use(draw, "lookup_order", {"orderId": reference}, {"found": True, "status": "shipped", "total": amount})
    if errand == "order_status":
        return [lookup]
    if errand == "refund":
        result = {"refundId": f"rf_{draw.randint(1000, 9999)}", "accepted": True}
        return [lookup, _write(draw, "issue_refund", {"orderId": reference, **money}, result, reference)]
    if errand == "booking":
        service, slot = draw.choice(_SERVICES), f"{draw.randint(8, 17):02d}:{draw.choice(('00', '30'))}"
        wish = {"service": service, "day": caller.day}
        booked = {"bookingId": f"bk_{draw.randint(1000, 9999)}", "confirmed": True}
        details = {**wish, "slot": slot, "name": caller.name, "phone": caller.phone}
        return [
            _use(draw, "find_slots", wish, {"slots": [slot]}),
            _write(draw, "book_appointment", details, booked, f"{reference}-{slot}"),
        ]
    if errand == "balance":
        state = {"balance": amount, "currency": caller.currency}
        return [_use(draw, "get_balance", {"customerId": caller.customer_id}, state)]
    if errand == "address_change":
        address = {"street": caller.street, "city": caller.city}
        changes = {"customerId": caller.customer_id, "address": address, "confirmTo": caller.email}
        return [_write(draw, "update_address", changes, {"updated": True}, caller.customer_id)]
    return []


def _latency(draw: random.Random) -> int:
    return draw.randint(80, 600) + int(draw.expovariate(1 / 150)) % 900


def _use(draw: random.Random, name: str, args: dict[str, Any], result: dict[str, Any]) -> Draft:
    return {
        "name": name, "args": args, "result": result, "status": "succeeded", "latency_ms": _latency(draw),
        "retries": 1 if draw.random() < 0.03 else 0, "write": False,
    }  # fmt: skip


def _write(draw: random.Random, name: str, args: dict[str, Any], result: dict[str, Any], key: str) -> Draft:
    return _use(draw, name, args, result) | {"write": True, "idempotency_key": f"{name}-{key}"}
