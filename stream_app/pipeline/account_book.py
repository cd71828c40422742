"""The only place where the identity stage keeps accounts: their rows, and what reports that ask for them are told.

Accounts touch aliases by records alone (`accounts`), so their rows are folded beside those of a batch's aliases.
"""

from __future__ import annotations

from stream_app.core import accounts
from stream_app.core.accounts import Account, Answer
from stream_app.core.alias_rows import (
    LOOKUP,
    due_of,
    index_bounds,
    index_key,
    index_row,
    read_account_row,
    read_index_key,
    write_row,
)
from stream_app.core.identity_records import AccountCallRecord, AccountReportRecord
from stream_app.core.policy import Timing
from stream_app.pipeline.ports import Outgoing, State
from stream_app.topics import IDENTITY

Row = tuple[bytes, bytes | None]


class _Page:
    """An account while a batch is folded, and when its row says that it is due."""

    __slots__ = ("changed_by", "due", "state", "stored")

    def __init__(self, account: str, row: bytes | None) -> None:
        self.stored = None if row is None else due_of(row)[1]
        self.due = self.stored
        self.state: Account | None = Account(account) if row is None else read_account_row(row)
        """None: there is nothing left to remember."""
        self.changed_by = -1


class AccountBook:
    """The accounts of one partition."""

    def __init__(self, rows: State, timing: Timing, horizon: int) -> None:
        """`horizon`: how long a call or a report is remembered, at least, ms."""
        self._rows = rows
        self._window = timing.account_window
        self._settle = timing.account_settle
        self._horizon = horizon
        self._pages: dict[bytes, _Page] = {}

    def fold(self, index: int, record: AccountCallRecord | AccountReportRecord, now: int | None) -> list[Outgoing]:
        """Take up the batch's record of this index; what follows for the reports of its account."""
        key = accounts.account_key(record.account)
        page = self._page(key, record.account)
        before = page.state or Account(record.account)
        answers: tuple[Answer, ...] = ()
        if isinstance(record, AccountCallRecord):
            state, answers = accounts.fold_call(before, record)
        else:
            state = accounts.fold_report(before, record, self._window, self._settle)
        if state is not before:
            self._change(page, state, index, now)
        return [_told(answer) for answer in answers]

    def settle(self, index: int, first: int, now: int) -> tuple[list[Outgoing], list[Row]]:
        """Answer and forget what is due from `first` to `now`, ms; with the entries of the index that nothing says."""
        gone: list[Row] = []
        for entry, _ in self._rows.scan(*index_bounds(LOOKUP, first, now)):
            due, key = read_index_key(entry)
            page = self._page(key, "")
            if page.stored != due[1]:
                gone.append((entry, None))
        sends: list[Outgoing] = []
        for _, page in sorted(self._pages.items()):
            if page.due is None or page.due > now or page.state is None:
                continue
            state, answers = accounts.settle(page.state, now, self._horizon)
            sends += [_told(answer) for answer in answers]
            self._change(page, state, index, now)
        return sends, gone

    def rows(self) -> dict[int, tuple[list[Row], list[Row]]]:
        """What the batch has changed, by the index of the record that did last: rows, local rows. Ends the batch."""
        found: dict[int, tuple[list[Row], list[Row]]] = {}
        for key, page in self._pages.items():
            if page.changed_by < 0:
                continue
            rows, local = found.setdefault(page.changed_by, ([], []))
            due = None if page.state is None else page.due
            rows.append((key, None if page.state is None or due is None else write_row(page.state, (LOOKUP, due))))
            if due != page.stored:
                for at, add in ((page.stored, False), (due, True)):
                    entry = None if at is None else index_key((LOOKUP, at), key)
                    if entry is not None:
                        local.append(index_row(entry) if add else (entry, None))
        self._pages = {}
        return found

    def _page(self, key: bytes, account: str) -> _Page:
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = _Page(account, self._rows.get(key))
        return page

    def _change(self, page: _Page, state: Account | None, index: int, now: int | None) -> None:
        page.state = state
        page.changed_by = index
        if state is None:
            page.due = None
            return
        # What is due by now was looked for already.
        due = max(state.next_due(self._horizon), 0 if now is None else now + 1)
        waits = any(report.answered is None for report in state.reports)
        # With nothing to answer a later look does as well: a row's index is not written anew for each call.
        if waits or page.due is None or not due <= page.due <= due + self._horizon:
            page.due = due if waits else due + self._horizon // 2


def accounted(record: AccountCallRecord | AccountReportRecord) -> Outgoing:
    """The record on its way to what is remembered of its account."""
    return Outgoing(IDENTITY.name, accounts.account_key(record.account), record.to_bytes())


def _told(answer: Answer) -> Outgoing:
    return Outgoing(IDENTITY.name, answer.alias.encode(), answer.to_bytes())
