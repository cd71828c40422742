"""The only place for what the harness sends and what must come of it: calls with their ground truth, from one seed.

Pure: the same arguments give the same plan. Times are ms of the wall clock from `epoch_ms` on, so that deadlines run.
What may only come when something else has happened waits until that was seen (`Send.after`): how long that takes under
fire, nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Literal

from tests.chaos import notices
from tests.chaos.documents import KIND, PIECES, TOPIC, Document, Traits, Writer, artifacts, json_bytes, names_in

Fate = Literal[
    "complete", "missing", "late", "conflict", "unselected", "reported", "declared_never", "unreadable", "disputed",
    "settled", "unnamed", "renamed",
]  # fmt: skip
FATES: tuple[tuple[Fate, float], ...] = (
    ("missing", 0.10),
    ("late", 0.05),
    ("conflict", 0.02),
    ("unselected", 0.10),
    ("reported", 0.03),
    ("declared_never", 0.02),
    ("unreadable", 0.01),
    ("disputed", 0.01),
    ("settled", 0.01),
    ("unnamed", 0.04),
    ("renamed", 0.01),
)
"""Share of the calls with each fate, of each at least one; the rest are complete.

`disputed`: another call claims its name; `settled`: so too, and an operator decides. `unnamed`: no system states its
ID; `renamed`: one does when the call has left already.
"""

DUPLICATED = 0.05
"""Share of the events that are sent twice."""
INVALID = 0.03
STRAYS = 0.01
"""Per call: records nobody can use, events whose name nobody ever links."""
THINKING_MS = 6_000
"""How long an operator takes at most."""


@dataclass(frozen=True)
class Timing:
    """When things happen, ms after a call's end; `deadline` and `mint_delay` are the policy's."""

    deadline: int = 25_000
    window: int = 6_000
    """A call's events come in any order within it."""
    late_from: int = 28_000
    late_until: int = 33_000
    seal_budget: int = 40_000
    """How long a source object that cannot be read is tried."""
    mint_delay: int = 2_000
    """How long a system may take to name a call that has ended."""
    account_window: int = 2_000
    account_settle: int = 2_000
    """As the policy's: where and how long the call of an account is looked for."""


@dataclass(frozen=True)
class Send:
    """One record to write at `at` ms. `event_id` None: it is no event that could be used."""

    at: int
    topic: str
    key: bytes
    value: bytes | None
    call: str | None = None
    event_id: str | None = None
    refusal: tuple[str, str] | None = None
    """(stage, reason) of the dead letter that must come of it."""
    after: str | None = None
    """ID of the packet, or of the alert that fires, that must have been seen before it is sent."""


@dataclass
class Truth:
    """What must become of one call. `events`: event ID -> kind of everything its last packet must list.

    Of a notice the name stands for the event ID, which nobody knows before its claim has come to stand somewhere.
    """

    call: str
    """The ID under which it leaves."""
    fate: Fate
    end: int
    ended_by: str
    """The event ID of its call-ended."""
    events: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    """Event ID -> the names it gives the call."""
    notices: dict[str, str] = field(default_factory=dict)
    """Name of a notice -> the event that makes the claim."""
    late: str | None = None
    """The event ID that comes after the deadline."""
    later: set[str] = field(default_factory=set)
    """What comes when version 1 has left: only earlier versions may lack it."""
    conflicting: str | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Kind -> why it is missing of the last version."""
    reason: str | None = None
    """Selection reason of the last version; None: no packet may leave."""
    status: str = "complete"

    @property
    def without_end(self) -> bool:
        """Whether no call-ended comes, or a late one: then the first packet's time hangs on what came first."""
        return self.ended_by not in self.events or self.late == self.ended_by


@dataclass
class Plan:
    """What to send, in time order, and what must come of it."""

    sends: list[Send]
    truths: dict[str, Truth]
    strays: list[str]
    """Aliases (`scheme:value`) at which events wait for ever."""
    claims: dict[str, bool]
    """Alert IDs of claims on another call's name, and whether an operator settles them."""
    waiting: set[str]
    """IDs of the events that wait for ever: at strays, and at names in dispute."""
    artifacts: dict[str, bytes]
    """Source object URI -> bytes."""
    vague: list[str] = field(default_factory=list)
    """Alert IDs of reports that may mean several calls."""


def plan(seed: int, calls: int, calls_per_s: float, epoch_ms: int, timing: Timing, *, oversize: int = 0) -> Plan:
    """`calls` calls that end one after another. `oversize`: bytes that intake refuses; 0 sends no oversize record."""
    random = Random(seed)
    made = Plan([], {}, [], {}, set(), artifacts(seed))
    for number, fate in enumerate(_fates(random, calls)):
        end = epoch_ms + round(number * 1000 / calls_per_s)
        author = _Author(Writer(random, seed, f"c{seed}-{number:06d}", number, end), timing, made)
        author.write(fate)
        if random.random() < INVALID:
            author.refused(oversize)
        if random.random() < STRAYS:
            author.stray()
        if random.random() < STRAYS:
            author.vague()
    made.sends.sort(key=lambda one: one.at)
    return made


def _fates(random: Random, calls: int) -> list[Fate]:
    drawn: list[Fate] = [fate for fate, share in FATES for _ in range(max(1, round(share * calls)))]
    drawn += ["complete"] * (calls - len(drawn))
    random.shuffle(drawn)
    return drawn[:calls]


class _Author:
    """Writes one call: its events, their times, and what must come of them."""

    def __init__(self, writer: Writer, timing: Timing, plan: Plan) -> None:
        self.writer, self.timing, self.plan = writer, timing, plan
        self.random, self.call, self.end = writer.random, writer.call, writer.end

    def write(self, fate: Fate) -> None:
        random = self.random
        tools = random.choice((1, 2))
        pieces = [piece for piece in PIECES if piece != "tool-2" or tools == 2]
        absent = random.choice(pieces) if fate in ("missing", "late") else None
        traits = Traits(
            tools=tools,
            failing=fate not in ("unselected", "reported"),
            named=fate not in ("unnamed", "renamed"),
            claimed=fate in ("disputed", "settled"),
            by_account=fate == "reported" and random.random() < 0.5,
            recording=absent != "recording",
            recording_never=fate == "declared_never",
            unreadable=fate == "unreadable",
        )
        self.truth = truth = Truth(
            self.call if traits.named else self.writer.alias, fate, self.end, f"{self.call}-call"
        )
        self.plan.truths[truth.call] = truth
        documents = {piece: self.writer.piece(piece, traits) for piece in pieces}
        if absent == "call":
            documents["link"] = self.writer.piece("link", traits)
        if fate == "missing":
            assert absent is not None
            documents.pop(absent)
        if fate == "reported":
            documents["report"] = self.writer.piece("report", traits)
        for piece, document in documents.items():
            late = fate == "late" and piece == absent
            self.expect(KIND.get(piece, piece), document, later=late)
            self.send(KIND.get(piece, piece), document, late=late or piece == "report")
            if late:
                truth.late = document["eventId"]
        if fate == "conflict":
            self.contradict(documents["evaluation"])
            truth.conflicting = documents["evaluation"]["eventId"]
        self.judge(documents, absent)
        if traits.claimed:
            self.claim(settled=fate == "settled")
        if fate == "renamed":
            self.rename()

    def judge(self, documents: dict[str, Document], absent: str | None) -> None:
        """Status, missing kinds and reason of the last version, by the rules that PRODUCT.md and the policy state."""
        truth, fate = self.truth, self.truth.fate
        if fate == "unselected":
            truth.status = "none"
            return
        failed_tool = any(one.get("status") == "failed" for one in documents.values())
        truth.reason = (
            "customer_reported" if fate == "reported" else "failed_tool_call" if failed_tool else "regression_candidate"
        )
        if fate == "missing":
            assert absent is not None
            truth.missing = {KIND.get(absent, absent): "never_seen"}
        elif fate == "declared_never":
            truth.missing = {"recording": "declared_never"}
        elif fate == "unreadable":
            truth.missing = {"transcript": "fetch_failed"}
        blocked = fate in ("conflict", "disputed")
        truth.status = "blocked" if blocked else "incomplete" if truth.missing else "complete"

    def expect(self, kind: str, document: Document, *, later: bool) -> None:
        """The event is evidence of this call."""
        truth, event_id = self.truth, document["eventId"]
        truth.events[event_id] = kind
        truth.aliases[event_id] = names_in(document)
        if later:
            truth.later.add(event_id)

    def expect_notice(self, name: str, claim: Document, **names: str) -> None:
        """The call is told something of its names, because of this claim."""
        self.truth.notices[name] = claim["eventId"]
        self.expect("identity", {"eventId": name, "aliases": names}, later=True)

    def send(self, kind: str, document: Document, *, late: bool) -> None:
        begins, ends = (self.timing.late_from, self.timing.late_until) if late else (0, self.timing.window)
        self.put(kind, document, [self.end + self.random.randint(begins, ends) for _ in range(self.copies())])

    def send_after(self, seen: str, kind: str, document: Document, *, ours: bool = True, thinking: int = 0) -> None:
        """Send it late, and not before that packet or alert was seen. `ours`: it is evidence of this call."""
        latest = self.timing.late_until - self.timing.late_from
        at = self.end + self.timing.late_from + self.random.randint(0, latest) + thinking
        self.put(kind, document, [at] * self.copies(), after=seen, ours=ours)

    def copies(self) -> int:
        return 2 if self.random.random() < DUPLICATED else 1

    def put(
        self, kind: str, document: Document, times: list[int], *, after: str | None = None, ours: bool = True
    ) -> None:
        call, event_id = self.truth.call if ours else None, document["eventId"]
        for at in times:
            made = Send(at, TOPIC[kind], event_id.encode(), json_bytes(document), call, event_id, after=after)
            self.plan.sends.append(made)

    def contradict(self, document: Document) -> None:
        """The same event ID again, with other content."""
        at = self.end + self.random.randint(0, self.timing.window)
        self.put("evaluation", document | {"score": 0.75}, [at])

    def claim(self, *, settled: bool) -> None:
        """Another call says that our name is its own, when we have left. Both are told; nothing is decided.

        Where an operator decides, it is for one or the other: the block is over for both. An event that knows nothing
        but the name waits until then, and goes to whom it belongs.
        """
        other, alias = f"{self.call}-claim", self.writer.alias
        alert = f"{alias}/identity_conflict/{other}"
        claim, waits = self.writer.claim(other), self.writer.log("waits", aliases=names_in(self.writer.claim(other)))
        self.send_after(f"{self.truth.call}/1", "call", claim, ours=False)
        self.expect_notice(notices.disputed(alias), claim)
        self.plan.claims[alert] = settled
        mine = settled and self.random.random() < 0.5
        self.send_after(alert, "log", waits, ours=mine)
        if mine:
            self.expect("log", waits, later=True)
        if not settled:
            self.plan.waiting |= {waits["eventId"]}
            return
        word = self.writer.word(self.call if mine else other)
        self.send_after(alert, "identity", word, ours=mine, thinking=self.random.randint(0, THINKING_MS))
        self.expect_notice(notices.settled(alias), word)
        if mine:
            self.expect("identity", word, later=True)

    def rename(self) -> None:
        """When the call has left under the best of its names, a system states what it calls it, and goes on to."""
        first, link = f"{self.truth.call}/1", self.writer.own_name()
        self.send_after(first, "identity", link)
        self.expect("identity", link, later=True)
        self.expect_notice(notices.linked(self.truth.call, self.call), link, canonicalCallId=self.call)
        under_own_name = self.writer.log("own-log", canonicalCallId=self.call)
        self.send_after(first, "log", under_own_name)
        self.expect("log", under_own_name, later=True)

    def stray(self) -> None:
        """An event whose name nobody links to a call: it waits, and an orphan alert says so."""
        room = f"lost-{self.call}"
        document = self.writer.stray(room)
        event_id = document["eventId"]
        self.plan.sends.append(Send(self.end, "tool-call", event_id.encode(), json_bytes(document), event_id=event_id))
        self.plan.strays.append(f"livekitRoom:{room}")
        self.plan.waiting |= {event_id}

    def vague(self) -> None:
        """A report that may mean several calls: nobody says which, so it waits, and an alert names them."""
        document = self.writer.vague()
        event_id = document["eventId"]
        told_apart = sha256(f"{document['source']}|{event_id}".encode()).hexdigest()[:12]
        alias = f"callReport:{event_id}.{told_apart}"
        made = Send(self.end, "call-reported", event_id.encode(), json_bytes(document), event_id=event_id)
        self.plan.sends.append(made)
        self.plan.strays.append(alias)
        self.plan.vague.append(f"{alias}/report_ambiguous/1")
        self.plan.waiting |= {event_id}

    def refused(self, oversize: int) -> None:
        """A record that nobody can use; each way in its turn."""
        reason, topic, value = self.random.choice(self.writer.refused(oversize))
        at = self.end + self.random.randint(0, self.timing.window)
        self.plan.sends.append(Send(at, topic, f"{self.call}-refused".encode(), value, refusal=("intake", reason)))
