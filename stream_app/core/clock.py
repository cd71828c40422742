"""The only place for the join's sense of time: the minimum over all inputs of how far each was read.

Theory of operation. Intake workers say, for each input partition they own, a broker time T before which everything is
confirmed downstream. The statement travels through every identity partition, which passes it on only behind the
evidence it read before. The join's time is the smallest T over (identity partition, input partition). A worker that
dies, a topic that is silent or days of downtime hold it back; nothing moves it ahead of the evidence. A source that
stands still for more than `max_hold` is left out of the minimum, and named.

How long a source stands still is counted in time that the line was at work: after an outage every source is old, and
some can be read again before others; were the outage counted, those would be given up at once, and what stands in
their backlog called missing. So a gap between two records counts for a quarter of `max_hold` at most. A source that
is being read, however far behind, is never given up: the clock stands behind its backlog.

Many records come a second, and each moves few marks: what is kept per source is mended only where a mark moved that
the source's minimum hung on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

VERSION = 1
_VERSION = bytes([VERSION])


GAP_SHARE = 4
"""A gap between two records counts for this part of `max_hold` at most."""


class ClockError(ValueError):
    """A clock's row that this version cannot read: written by another version, or damaged."""


class Told(Protocol):
    """A clock record, however it was read: `evidence.ClockRecord`, or a struct of the same fields."""

    @property
    def via(self) -> int | None: ...
    @property
    def read_up_to(self) -> Mapping[str, int]: ...
    @property
    def sources(self) -> Mapping[str, int]: ...
    @property
    def vias(self) -> int: ...


class _Row(msgspec.Struct, array_like=True):
    marks: dict[str, dict[int, int]]
    sources: dict[str, int]
    vias: int
    began: int | None
    now: int | None
    unread: tuple[str, ...]
    lived: int
    moved: dict[str, int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Row)


class PartitionClock:
    """What one partition knows of time."""

    def __init__(self) -> None:
        self._marks: dict[str, dict[int, int]] = {}
        """Source (`topic/partition`) -> identity partition it came through -> ms of broker time."""
        self._sources: dict[str, int] = {}
        self._vias = 0
        self._began: int | None = None
        """The freshest time in the first clock record: what sources that never reported are held to."""
        self.now: int | None = None
        """The join's time, ms; never goes back; None until every source was heard or given up."""
        self.unread: tuple[str, ...] = ()
        """Sources that `max_hold` has given up on, for now."""
        self._hold: int | None = None
        """`max_hold` of the last record; another policy may have another."""
        self._newest = 0
        self._slowest: dict[str, int] = {}
        """Expected source -> the smallest of its marks; what was not heard by every way is held to the beginning."""
        self._unheard: set[str] = set()
        """Expected sources that were not heard by every way."""
        self._lived = 0
        """How far the freshest mark has moved, ms, gaps counted in part."""
        self._moved: dict[str, int] = {}
        """Expected source -> `_lived` when its smallest mark last moved."""

    def hear(self, record: Told, max_hold: int) -> bool:
        """Take one record in; says whether that changed anything. Times only grow, so a repeat changes nothing."""
        via, told = record.via, record.read_up_to
        if via is None or not told:
            return False
        changed = False
        if self._began is None:
            self._began = max(told.values())
            changed = True
        newest, began = self._newest, bool(self._marks)
        moved = self._move(via, told)
        if began:
            self._lived += min(self._newest - newest, max_hold // GAP_SHARE)
        if record.vias > self._vias or not record.sources.items() <= self._sources.items():
            self._vias = max(self._vias, record.vias)
            self._sources |= record.sources
            self._expect()
            changed = True
        elif moved:
            for source in moved:
                if source in self._slowest:
                    self._mend(source)
        if not (moved or changed or max_hold != self._hold):
            return False
        self._hold = max_hold
        self._tell(max_hold)
        return True

    def _move(self, via: int, told: Mapping[str, int]) -> list[str]:
        """Move the marks on; the sources of those that did move."""
        moved = []
        for source, ms in told.items():
            marks = self._marks.get(source)
            if marks is None:
                marks = self._marks[source] = {}
            before = marks.get(via)
            if before is None or ms > before:
                marks[via] = ms
                moved.append(source)
                if ms > self._newest:
                    self._newest = ms
        return moved

    def _expect(self) -> None:
        """Work everything out anew, for other sources or ways."""
        expected = [f"{topic}/{number}" for topic, count in self._sources.items() for number in range(count)]
        self._slowest = {source: self._slowest[source] for source in expected if source in self._slowest}
        self._moved = {source: self._moved[source] for source in self._slowest}
        self._unheard = set()
        for source in expected:
            self._mend(source)

    def _mend(self, source: str) -> None:
        marks = self._marks.get(source, {})
        times = [ms for via, ms in marks.items() if via < self._vias]
        if len(times) < self._vias:
            assert self._began is not None
            times.append(self._began)
            self._unheard.add(source)
        else:
            self._unheard.discard(source)
        slowest = min(times)
        if self._slowest.get(source) != slowest:
            self._slowest[source] = slowest
            self._moved[source] = self._lived

    def _tell(self, max_hold: int) -> None:
        """The time and who is given up, by the smallest marks as they are now."""
        if not self._slowest:
            return
        first = min(self._slowest.values())
        if first >= self._newest - max_hold:  # Then none can have stood still for longer.
            self.unread = ()
            if not self._unheard:
                self._reach(first)
            return
        least = self._lived - max_hold
        self.unread = tuple(sorted([source for source, at in self._moved.items() if at < least]))
        given_up = set(self.unread)
        counted = [ms for source, ms in self._slowest.items() if source not in given_up]
        if counted and self._unheard <= given_up:
            self._reach(min(counted))

    def _reach(self, ms: int) -> None:
        if self.now is None or ms > self.now:
            self.now = ms

    def to_bytes(self) -> bytes:
        """The row."""
        row = _Row(self._marks, self._sources, self._vias, self._began, self.now, self.unread, self._lived, self._moved)
        return _VERSION + _ENCODER.encode(row)

    @classmethod
    def from_bytes(cls, row: bytes) -> PartitionClock:
        """The clock of a row. Raises ClockError."""
        if row[:1] != _VERSION:
            raise ClockError(f"a clock's row has version {row[:1].hex()}, this release reads {_VERSION.hex()}")
        try:
            read = _DECODER.decode(row[1:])
        except msgspec.MsgspecError as error:
            raise ClockError(f"a clock's row cannot be read: {error}") from None
        clock = cls()
        clock._marks, clock._sources, clock._vias = read.marks, read.sources, read.vias
        clock._began, clock.now, clock.unread = read.began, read.now, read.unread
        clock._newest = max((ms for marks in read.marks.values() for ms in marks.values()), default=0)
        if clock._began is not None:
            clock._expect()
        clock._lived, clock._moved = read.lived, read.moved
        return clock
