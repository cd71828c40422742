"""The only place for the claim rules: which words of an agent say that something was done, and which take it back.

Data and patterns, no procedure. `VERSION` changes with every rule, for packets state it beside the measured quality.
English only. Everything is matched in lower case, clause by clause (`detector`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stream_app.core.tool_rules import Action

VERSION = "claims-en/2"


@dataclass(frozen=True)
class Words:
    """One action in words: verbs that name it alone, things that name it beside any verb, and tools that do it."""

    action: Action
    verbs: str
    things: str
    tools: frozenset[str]
    """Words of a tool's name."""


ACTIONS: tuple[Words, ...] = (
    Words("refund", r"refunded|reimbursed|credited",
          r"refunds?|reimbursements?|money|credit|back to (?:your|the) (?:card|account|bank)|charge",
          frozenset({"refund", "reimburse", "reimbursement", "credit", "chargeback"})),
    Words("booking", r"booked|scheduled|rescheduled|reserved|rebooked",
          r"appointments?|bookings?|reservations?|visit|technician|slot|table|room|seats?|flight|meeting|pickup",
          frozenset({"book", "booking", "schedule", "reschedule", "reserve", "appointment", "reservation", "rebook"})),
    Words("cancellation", r"cancell?ed|terminated|called off", r"cancell?ation",
          frozenset({"cancel", "cancellation", "terminate"})),
    Words("update", r"updated|changed|corrected|amended|modified",
          r"address|details|profile|records?|phone number|email address|preferences|information|name on",
          frozenset({"update", "change", "modify", "edit", "correct", "amend", "save", "address"})),
    Words("order", r"ordered|reordered",
          r"orders?|replacements?|purchase|parcel",
          frozenset({"order", "reorder", "replace", "replacement", "purchase", "checkout", "exchange"})),
    Words("payment", r"charged|paid|debited", r"payments?|invoice|bill|balance due|installment",
          frozenset({"pay", "payment", "charge", "invoice", "bill"})),
    Words("message", r"emailed|texted|messaged|e-mailed",
          r"emails?|e-mail|texts?|sms|message|link|confirmation|code|receipt|copy|letter",
          frozenset({"email", "sms", "text", "message", "notify", "notification", "mail", "send"})),
    Words("transfer", r"transferred|wired", r"transfer|wire", frozenset({"transfer", "wire"})),
    Words("ticket", r"escalated|logged|filed", r"tickets?|cases?|complaint|claim|report|request",
          frozenset({"ticket", "case", "escalate", "escalation", "complaint", "claim", "report"})),
    Words("account", r"activated|deactivated|unlocked|enabled|disabled|reset|enrolled|subscribed|unsubscribed|upgraded"
          r"|downgraded|blocked|frozen",
          r"account|subscription|plan|password|card|service|membership|pin",
          frozenset({"activate", "deactivate", "unlock", "enable", "disable", "reset", "enroll", "subscribe", "close",
                     "unsubscribe", "upgrade", "downgrade", "block", "freeze", "open", "password", "subscription"})),
)  # fmt: skip

READS = frozenset(
    {"get", "find", "lookup", "look", "list", "search", "check", "fetch", "read", "verify", "query", "view", "show"}
)
"""A tool whose name begins so reads, and proves nothing, where nobody states its side effect."""

GENERIC = (
    r"issued|processed|made|set up|submitted|placed|completed|sent|created|arranged|saved|stored|put|entered|opened"
    r"|raised|closed|finalized|finalised|confirmed|initiated|added|removed|applied|approved|recorded|registered"
    r"|shipped|dispatched|returned|reversed|released|fixed|switched|moved|taken care of|posted|done|handled|finished"
)
"""Verbs that say what was done only together with a thing."""

STATES = (
    r"complete|all set|set|on (?:its|their|the) way(?: back| out)?|in place|in the books|good to go|on file|live"
    r"|locked in|through"
)
"""What something is once it was done."""

ADVERBS = (
    r"(?:(?:just|already|now|also|successfully|all|gone ahead and|went ahead and|officially|since|both|then|finally"
    r"|fully|been able to get) )*"
)
ENDS_A_NOTE = (
    r"\s*$|\s*[.,!(]|\s+(?:\w+ly|for|to|on|in|at|by|with|from|as|under|and|today|now|already|back|until|through|per"
    r"|via|against|into|here|again|this|tonight)\b"
)
"""What may follow the verb of a note: before a thing it is an adjective ("the updated details")."""
_OWN = "|".join(words.verbs for words in ACTIONS)
DONE = rf"(?:{_OWN}|{GENERIC})"

FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # I've just issued / we have booked / I went ahead and cancelled / I was able to ... is not judged.
    ("active", re.compile(rf"\b(?:i|we)(?:'ve| have|'d)? {ADVERBS}(?:got (?:that|it|you|this) )?{DONE}\b")),
    # I have your appointment booked / I've got you scheduled.
    ("held", re.compile(rf"\b(?:i|we)(?:'ve| have)(?: got)? (?:\w+ ){{1,4}}{DONE}\b")),
    # Your refund has been issued / the booking's been made.
    ("perfect", re.compile(rf"\b(?:has|have|'s|'ve) {ADVERBS}been {ADVERBS}{DONE}\b")),
    # You are booked / your address is saved / it was cancelled.
    ("passive", re.compile(rf"(?:\b(?:is|are|was|were)|'re|'s) {ADVERBS}{DONE}\b")),
    # It is all set / the money is on its way back.
    ("state", re.compile(rf"(?:\b(?:is|are)|'re|'s|has gone|have gone|\bwent|\bcame) {ADVERBS}(?:{STATES})\b")),
    # Refund issued. Appointment confirmed for Monday.
    ("note", re.compile(rf"^(?:(?:okay|ok|great|good news|alright|perfect) )?(?:your |the )?"
                        rf"(?:(?!(?:the|your|an?|any|some|this|that) )\w+ ){{1,2}}{DONE}\b(?={ENDS_A_NOTE})")),
    # All set. / That's all done. / Done.
    ("bare", re.compile(r"^(?:and |okay |ok |alright |great )*(?:that's |that is |you're |everything is |it's |we're )?"
                        r"(?:all |now )*(?:done|set|taken care of|sorted|good to go)\b")),
)  # fmt: skip
"""How a clause says that something was done, by the name of the rule."""

BLOCKERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("negated", re.compile(r"\bnot\b|n't\b|\bnever\b|\bno\b|\bunable\b|\bfailed\b|\bwithout\b|\bcannot\b|\bnothing\b"
                           r"|\byet to\b|\bneither\b|\bnor\b|\bhardly\b|\binstead of\b|\brather than\b")),
    ("future", re.compile(r"\bwill\b|'ll\b|\bgoing to\b|\bgonna\b|\babout to\b|\bshall\b|\blet me\b|\blet's\b"
                          r"|\bonly (?:then|after)\b|\btomorrow\b.*\bwill\b|\bnext,? i\b|\bto have\b|\bto get\b")),
    ("possible", re.compile(r"\bcan\b|\bcould\b|\bwould\b|\bshould\b|\bmay\b|\bmight\b|\bmust\b|\bneeds? to\b|\btry\b"
                            r"|\btrying\b|\bwants? to\b|\bhope\b|\bhopefully\b|\bi'd (?:be|like)\b|\bexpect\b"
                            r"|\bthought\b|\bthink\b|\bprobably\b|\bmaybe\b|\bperhaps\b|\balmost\b|\bhave to be\b")),
    ("conditional", re.compile(r"\bif\b|\bonce\b|\bunless\b|\bas soon as\b|\buntil\b|\btill\b|\bprovided\b|\bwhen\b"
                               r"|\bwhenever\b|\bbefore\b|\bafter\b|\bassuming\b|\bin case\b|\bwhether\b|\bwhile\b"
                               r"|\bthe moment\b|\bby the time\b")),
    ("habitual", re.compile(r"\busually\b|\btypically\b|\bnormally\b|\bgenerally\b|\balways\b|\bas a rule\b"
                            r"|\b(?:refunds|appointments|orders|payments|cancellations|bookings|replacements) are"
                            r"\b|\bany\b|\bevery\b|\bpolic(?:y|ies)\b|\bonly\b")),
    ("read", re.compile(r"\bi (?:can )?(?:see|read|notice)\b|\bi'm seeing\b|\blooks like\b|\bseems?\b|\bappears?\b"
                        r"|\bshows?\b|\baccording to\b|\bsays\b|\brecords (?:show|say|indicate)\b|\bindicates?\b"
                        r"|\bunderstand\b|\bsorry\b|\byou (?:said|told|mentioned|say)\b|\bi heard\b|\bnoted that\b")),
    ("past", re.compile(r"\byesterday\b|\blast (?:week|month|year|night|time|monday|tuesday|wednesday|thursday|friday)"
                        r"\b|\bago\b|\bpreviously\b|\bearlier\b|\bback in\b|\boriginally\b"
                        r"|\bby (?:my colleague|another|a colleague|the other|someone)\b|\bin the past\b|\bcreated on\b"
                        r"|\b(?:upcoming|current|existing|recent|previous|latest|last|first|original) (?:\w+ )?(?:"
                        r"appointment|booking|reservation|visit|flight|order|payment|plan|request|ticket|trip)\b")),
)  # fmt: skip
"""What keeps a clause from being a claim, by name; looked for from the clause's beginning to the end of what matched,
and for `habitual` and `past` in the whole clause."""

WHOLE_CLAUSE = frozenset({"habitual", "past"})
STATUS = re.compile(r"\bshipped\b|\bdispatched\b|\breturned\b|\bon (?:its|their|the) way\b|\bthrough\b")
"""Of an order, unless the agent did it itself: where it is, not what was done."""
LATER = re.compile(r"\bwithin\b|\bin (?:\w+ )?(?:to \w+ )?(?:business )?days\b|\btake[sn]?\b")
"""With the present passive these make a rule of a report: "refunds are issued within five days"."""

INVERTED = re.compile(
    r"^(?:and |so |but |or )?(?:is|are|was|were|has|have|did|do|does|can|could|would|should|will|shall|may|had|what"
    r"|when|where|why|how|which|who|hasn't|haven't|isn't|wasn't|didn't)\b"
)
"""How a question begins that shows no question mark."""

DENIED = re.compile(
    r"\bgo(?:ne)? through\b|\bwork|\bmake\b|\bcomplet|\bprocess|\bissue|\bbook|\bsave|\bcancel|\bsend|\bsent\b|\bupdat"
    r"|\bplace|\bmade\b|\bhappen|\bchange|\bsucceed|\bset up\b|\bschedul|\brefund|\bfail"
)
"""Beside a negation: the agent says that it was not done, and takes back what was said before."""

SPLIT = re.compile(
    r"\s*(?:[;:—–]|,| - |\.\.\.)\s*|\s+(?:but|however|although|though|because|so|which|and (?=(?:i|we|you|your|it|the"
    r"|that|they|there|then)\b))\s*"
)
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)|\n+")
AGENTS = frozenset({"agent", "assistant", "bot", "ai", "voice agent", "voice_agent", "system agent", "virtual agent"})
"""Speakers that are the voice agent, in lower case. What anybody else says is no claim."""

_ENGLISH = re.compile(
    r"\b(?:the|you|your|is|are|to|and|for|i|it|that|of|have|we|this|please|thank|thanks|can|with|my|on|was)\b"
)
ENGLISH_SHARE = 0.18
"""Share of these words in what the agent says from which a call of unknown language counts as English."""


def english_share(text: str) -> float:
    """Common English words per word of the text, 0 to 1."""
    words = re.findall(r"\w+", text.lower())
    return len(_ENGLISH.findall(text.lower())) / len(words) if words else 0.0
