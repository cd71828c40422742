"""The only place that finds the call a report means where it names an account and a time, and no call.

Of each account the identity stage remembers when its calls were, and which reports asked for it. Calls and reports
come in any order; a report is answered when `timing.accountSettle` has passed after the window it asks for, so that
calls that were still running then have ended too:

    waits --one call in the window--> linked to it, as by any system's word
    waits --several, or more than are remembered--> the candidates are told; a person says which (never a guess)
    waits --none--> its event stays parked, an orphan after a while; a call that comes yet is an answer
    answered --another call comes into its window--> the candidates are told, though it is linked

What is remembered is bounded: the newest calls of an account, and as long as aliases are.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec.structs import replace

from stream_app.core.identity_records import (
    AccountCallRecord,
    AccountReportRecord,
    CandidatesRecord,
    LinkRecord,
    PassingEvent,
    Place,
)
from stream_app.core.instants import parse_instant

REPORT_SCHEME = "callReport"
"""Of the alias at which a report waits that names an account alone."""
SAID_BY = "call-evidence-stream/accounts"
MAX_CALLS = 64
"""Of one account; a report that asks for a time from which older ones were forgotten has no single answer."""
MAX_REPORTS = 64
"""Of one account; a further one waits unanswered, and is an orphan."""
MAX_CANDIDATES = 16
_KEY = b"@account:"
"""No alias begins so: a scheme begins with a letter."""
_MAX_REF = 240


class CallTimes(msgspec.Struct, frozen=True, rename="camel"):
    """When a call of the account was, ms."""

    ended: int
    began: int
    call: str


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """A report that asked for the account."""

    alias: str
    first: int
    """The window it asks for, ms, both ends included."""
    last: int
    due: int
    """When it is answered, ms of the stage's time."""
    position: Place
    answered: tuple[str, ...] | None = None
    """The calls that it was told; None before its time."""


class Account(msgspec.Struct, frozen=True, rename="camel"):
    """What is remembered of one account."""

    account: str
    calls: tuple[CallTimes, ...] = ()
    """By their end."""
    reports: tuple[Report, ...] = ()
    """By their alias."""
    forgotten_until: int | None = None
    """Calls that ended by then may be forgotten, ms; None: none is."""

    def next_due(self, horizon: int) -> int:
        """When it must be looked at: a report settles, or there is nothing left to remember; ms."""
        waiting = [report.due for report in self.reports if report.answered is None]
        if waiting:
            return min(waiting)
        return max([call.ended for call in self.calls] + [report.due for report in self.reports], default=0) + horizon


Answer = LinkRecord | CandidatesRecord


def account_key(account: str) -> bytes:
    """The key of the account's row, and of its records on the `identity` topic."""
    short = account if len(account) <= _MAX_REF else sha256(account.encode()).hexdigest()
    return _KEY + short.encode()


def is_account(key: bytes | None) -> bool:
    """Whether a row of the identity stage is an account's, not an alias's."""
    return key is not None and key.startswith(_KEY)


def report_name(source: str, event_id: str) -> str:
    """The value of the alias at which a report waits: its own event ID, told apart from other sources'."""
    return f"{event_id[:240]}.{sha256(f'{source}|{event_id}'.encode()).hexdigest()[:12]}"


class _Document(msgspec.Struct, rename="camel"):
    type: str
    occurred_at: str
    account_ref: str | None = None
    around: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None


_DOCUMENT = msgspec.json.Decoder(_Document)


def call_record(event: PassingEvent, canonical_call_id: str) -> AccountCallRecord | None:
    """What a call-ended says of its account; None for other events, and where it names none.

    No time lies after that of the event's arrival: a producer's wrong clock must not be remembered for ever.
    """
    document = bytes(event.event)
    if b'"accountRef"' not in document:
        return None
    said = _read(document)
    if said is None or said.type != "call-ended" or not said.account_ref or said.ended_at is None:
        return None
    ended = min(parse_instant(said.ended_at), parse_instant(event.received_at))
    began = ended - (said.duration_ms or 0) if said.started_at is None else parse_instant(said.started_at)
    return AccountCallRecord(
        account=said.account_ref, began=max(min(began, ended), 0), call=canonical_call_id, ended=ended
    )


def report_record(event: PassingEvent, alias: str) -> AccountReportRecord | None:
    """What a report asks for that waits at an alias of its own; None for other events."""
    if not alias.startswith(f"{REPORT_SCHEME}:"):
        return None
    said = _read(bytes(event.event))
    if said is None or said.type != "call-reported" or not said.account_ref:
        return None
    received = parse_instant(event.received_at)
    around = min(parse_instant(said.around or said.occurred_at), received)
    return AccountReportRecord(
        account=said.account_ref, alias=alias, around=around, position=event.position, received_at=received
    )


def _read(document: bytes) -> _Document | None:
    try:
        return _DOCUMENT.decode(document)
    except msgspec.MsgspecError:
        return None


def fold_call(state: Account, record: AccountCallRecord) -> tuple[Account, tuple[Answer, ...]]:
    """A call of the account. One that two events tell of was as long as both say."""
    known = {call.call: call for call in state.calls}
    before = known.get(record.call)
    told = CallTimes(record.ended, record.began, record.call)
    if before is not None:
        told = CallTimes(max(before.ended, told.ended), min(before.began, told.began), told.call)
        if told == before:
            return state, ()
    known[record.call] = told
    calls = sorted(known.values(), key=lambda call: (call.ended, call.call))
    forgotten, kept = calls[:-MAX_CALLS], calls[-MAX_CALLS:]
    state = replace(state, calls=tuple(kept), forgotten_until=_later(state.forgotten_until, forgotten))
    if not state.reports:
        return state, ()
    return _answered(state, [one for one in state.reports if one.answered is not None and _fits(told, one)])


def fold_report(state: Account, record: AccountReportRecord, window: int, settle: int) -> Account:
    """A report asks for the account; it is answered when its time comes. `window` on either side and `settle` in ms."""
    if any(known.alias == record.alias for known in state.reports) or len(state.reports) >= MAX_REPORTS:
        return state
    first, last = max(record.around - window, 0), record.around + window
    report = Report(record.alias, first, last, max(last, record.received_at) + settle, record.position)
    return replace(state, reports=tuple(sorted((*state.reports, report), key=lambda one: one.alias)))


def settle(state: Account, now: int, horizon: int) -> tuple[Account | None, tuple[Answer, ...]]:
    """Answer what is due, forget what is older than `horizon`; None for the state where nothing is left."""
    state, answers = _answered(state, [one for one in state.reports if one.answered is None and one.due <= now])
    kept = tuple(call for call in state.calls if call.ended + horizon > now)
    gone = state.calls[: len(state.calls) - len(kept)]
    reports = tuple(one for one in state.reports if one.answered is None or one.due + horizon > now)
    if not kept and not reports:
        return None, answers
    if gone or len(reports) < len(state.reports):
        state = replace(state, calls=kept, reports=reports, forgotten_until=_later(state.forgotten_until, gone))
    return state, answers


def _later(until: int | None, gone: list[CallTimes] | tuple[CallTimes, ...]) -> int | None:
    return max([call.ended for call in gone] + ([] if until is None else [until]), default=None)


def _fits(call: CallTimes, report: Report) -> bool:
    return call.began <= report.last and call.ended >= report.first


def _answered(state: Account, reports: list[Report]) -> tuple[Account, tuple[Answer, ...]]:
    """Tell these reports what there is in their window, where that is new."""
    answers: list[Answer] = []
    changed = {report.alias: report for report in state.reports}
    for report in reports:
        found = tuple(sorted(call.call for call in state.calls if _fits(call, report)))
        more = state.forgotten_until is not None and state.forgotten_until >= report.first
        if found == report.answered:
            continue
        changed[report.alias] = replace(report, answered=found)
        if len(found) == 1 and not more:
            answers.append(
                LinkRecord(alias=report.alias, canonical_call_id=found[0], said_by=SAID_BY, position=report.position)
            )
        elif found or more:
            answers.append(
                CandidatesRecord(
                    alias=report.alias,
                    candidates=found[:MAX_CANDIDATES],
                    more=more or len(found) > MAX_CANDIDATES,
                    position=report.position,
                )
            )
    if not answers and all(changed[one.alias] is one for one in state.reports):
        return state, ()
    return replace(state, reports=tuple(changed[alias] for alias in sorted(changed))), tuple(answers)
