"""The only place where a source that has gone silent becomes an alert, and its return the end of it.

Theory of operation. One alert a source topic, however many of its partitions stand still and however many calls wait
for it. What is known comes with the join's clock, in the same log, so every replay says the same. A topic is silent

    - when `maxHold` gave up on partitions of it: they are not read (paused, or their worker is gone)
    - or when calls have gone on ending for `silentAfter`, MIN_CALLS times at least and far more often than it usually
      lets pass, and nothing was appended to it since: its producer is gone. A quiet night, a first call in the
      morning, or a source that seldom has something to say, is no silence

and speaks again when neither holds. Every evidence partition knows, and raises no alert for a call that waits for
nothing but silent sources (`alerts`); the first partition alone says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from stream_app.core.alerts import RUNBOOKS
from stream_app.core.orders import JoinAlert

CALLS = "call-ended"
MIN_CALLS = 20
"""So often call-ended must have moved on (a clock record sees several calls at a time as one) before it is missed."""
PATIENCE = 3
"""So many times the usual number of calls must have ended without a word of the source."""
MAX_NAMED = 16
"""Partitions named in one alert."""


class SourceWatch:
    """When each input topic last brought something, and which of them are called silent."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        """Topic -> broker time of its newest record, ms; a topic that never had one is expected by nobody."""
        self._missed: dict[str, tuple[int, int]] = {}
        """Topic -> broker time of the first call that ended behind its newest record, ms, and how many did."""
        self._usual: dict[str, int] = {}
        """Topic -> how many calls it lets pass between two of its records, of late; 0 is not kept."""
        self._silent: dict[str, int] = {}
        """Topic -> the join's time when it was called silent: part of the alert's ID."""

    def hear(self, last_record_at: Mapping[str, int]) -> bool:
        """Take in what one clock record tells; says whether it was new. Times only grow: a repeat changes nothing."""
        moved = {topic: ms for topic, ms in last_record_at.items() if ms > self._last.get(topic, -1)}
        self._last.update(moved)
        for topic in moved:
            _, calls = self._missed.pop(topic, (0, 0))
            usual = max(calls, self._usual.get(topic, 0) * 7 // 8)  # A long silence is forgotten after some records.
            if usual:
                self._usual[topic] = usual
            else:
                self._usual.pop(topic, None)
        if CALLS in moved:
            for topic in self._last.keys() - moved.keys():
                since, calls = self._missed.get(topic, (moved[CALLS], 0))
                self._missed[topic] = (since, calls + 1)
        return bool(moved)

    @property
    def silent(self) -> frozenset[str]:
        """Topics that are called silent."""
        return frozenset(self._silent)

    def judge(self, now: int, unread: Iterable[str], silent_after: int) -> list[JoinAlert]:
        """What is to be said at the join's time `now`, ms; `unread` are the sources that its clock gave up on."""
        why = self._why(unread, silent_after)
        raised: list[JoinAlert] = []
        for topic in sorted(why.keys() - self._silent.keys()):
            self._silent[topic] = now
            raised.append(_alert(topic, now, now, firing=why[topic]))
        for topic in sorted(self._silent.keys() - why.keys()):
            raised.append(_alert(topic, self._silent.pop(topic), now, firing=None))
        return raised

    def _why(self, unread: Iterable[str], silent_after: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for topic, (since, calls) in self._missed.items():
            gone_on = self._last[CALLS] - since
            if gone_on >= silent_after and calls >= max(MIN_CALLS, PATIENCE * self._usual.get(topic, 0)):
                minutes = round(gone_on / 60_000, 1)
                found[topic] = f"calls have gone on ending for {minutes:g} min, and nothing was appended to {topic}"
        topics: dict[str, list[str]] = {}
        for source in unread:
            topics.setdefault(source.rpartition("/")[0], []).append(source)
        for topic, sources in topics.items():
            more = f" and {len(sources) - MAX_NAMED} more" if len(sources) > MAX_NAMED else ""
            named = ", ".join(sorted(sources)[:MAX_NAMED])
            found[topic] = f"not read any more, and deadlines go on without: {named}{more}"
        return found

    def to_bytes(self) -> bytes:
        """The row."""
        document = {"last": self._last, "missed": self._missed, "silent": self._silent, "usual": self._usual}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, row: bytes | None) -> SourceWatch:
        """Of the row, or of none yet."""
        watch = cls()
        if row is not None:
            document = json.loads(row)
            watch._last, watch._silent = document["last"], document["silent"]
            watch._usual = document.get("usual", {})  # Release 0.1 kept none.
            watch._missed = {topic: (since, calls) for topic, (since, calls) in document["missed"].items()}
        return watch


def _alert(topic: str, since: int, now: int, *, firing: str | None) -> JoinAlert:
    return JoinAlert(
        alert_id=f"{topic}/source_silent/{since}",
        kind="source_silent",
        state="resolved" if firing is None else "firing",
        raised_at=now,
        since=since,
        runbook_url=RUNBOOKS["source_silent"],
        detail=firing or f"{topic} is heard again",
    )
