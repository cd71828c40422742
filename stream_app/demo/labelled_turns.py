"""The only place that makes labelled turns: invented calls in which every personal value's place is known.

Same seed, same turns. Values are fictional: phones +1 500 555 xxxx, mail at example.com and example.org, SSNs from
ranges that are never given out, cards that only pass their checksum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    return text.split()


FIRST = words(
    "Amara Bastian Celeste Dmitri Elowen Farid Greta Hamish Ingrid Joaquin Keiko Leopold Marisol Nikhil Odette Priya "
    "Quentin Rosalind Siobhan Tobias Ursula Viktor Wilhelmina Xavier Yasmin Zoltan Beatrix Caspian Delphine Esteban"
)
LAST = words(
    "Abernathy Bergstrom Castellano Delacroix Eriksen Fitzgerald Gallagher Hutchinson Iwasaki Jankowski Kowalczyk "
    "Lindqvist Montgomery Nakamura Okonkwo Petrova Quintero Rasmussen Sandoval Thibodeaux Underhill Villanueva "
    "Whitaker Yamamoto Zielinski Ashworth Blackwood Cavanaugh Donnelly Everhart"
)
TOWNS = words("Marlowville Eastonbury Kingsfordham Ravensburg Oakhaven Thornbridge Westerly Pinehurst")
STREETS = ("Juniper Lane", "Harwell Avenue", "Copper Ridge Road", "Linden Street", "Foxglove Court", "Old Mill Drive")
STATES = ("Ohio", "Nevada", "Oregon", "Vermont", "New Mexico", "Texas", "Iowa", "Maine")
MONTHS = words("January February March April May June July August September October November December")
ONES = words("zero one two three four five six seven eight nine")
TEENS = words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
DAYS = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
) + ["twenty " + day for day in ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]]
COMPANIES = ("Silverline Water", "Meridian Credit Union", "Tallgrass Mobile", "Copperfield Travel")

ASKED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PHONE", "Which phone number should we use?", ("You can use {}.", "{}", "Try my cell, {}, any time.")),
    ("CREDIT_CARD", "Could you read out your card number?", ("Right, the card is {}.", "{}", "Okay so {}.")),
    ("US_SSN", "May I have your social security number?", ("My social is {}.", "{}", "Yes, {}.")),
    ("DOB", "And your date of birth please?", ("I was born on {}.", "{}", "My birthday is {}.")),
    ("MEMBER_ID", "What is your membership ID?", ("The ID is {}.", "{}", "It says {} here.")),
    ("BANK_ACCOUNT", "Which account number is this about?", ("Account {}.", "{}", "The account number is {}.")),
    ("EMAIL", "Which email address do you use?", ("My email is {}.", "{}", "Please write to {}.")),
    ("PIN_OTP", "Please tell me the code we sent you.", ("The code is {}.", "{}", "I got {}.")),
    ("ADDRESS", "Where do you live now?", ("I live at {}.", "{}", "My new address is {}.")),
    ("PERSON", "Who am I talking to? May I have your name?", ("My name is {}.", "{}.", "This is {}.")),
    ("ZIP", "And the zip code?", ("The zip is {}.", "{}")),
)
CLEAN: tuple[str, ...] = (
    "The technician comes between {a} and {b} in the afternoon.", "That will be {a} dollars and {b} cents.",
    "We have had {a} outages in the last {b} months.", "My modem is the model {a}, it has {b} lights.",
    "I have been waiting for {a} minutes.", "There is a {a} percent discount until Friday.",
    "I ordered {a} boxes and got {b} of them.", "Could you repeat that please?", "Thanks, that helps a lot.",
    "The meeting is on the {day} at {a} p m.", "It worked fine until last week, then it stopped.",
    "Our plan has {a} gigabytes for {b} dollars a month.", "I may come by in April, will that work?",
)  # fmt: skip


@dataclass(slots=True)
class Labelled:
    """One turn and its personal spans: (start, end, type, form)."""

    id: str
    dialogue_id: str
    turn: int
    speaker: str
    text: str
    spans: list[tuple[int, int, str, str]] = field(default_factory=list)


def labelled_calls(count: int, seed: int) -> list[list[Labelled]]:
    """`count` calls of eight to twenty turns; half of them written as people type, half as a recogniser hears."""
    return [_call(f"g{seed}-{number}", Random(f"{seed}/{number}")) for number in range(count)]


def known_of(call: list[Labelled]) -> list[str]:
    """The values of a call as they were said."""
    return [turn.text[start:end] for turn in call for start, end, _, _ in turn.spans]


def _call(name: str, random: Random) -> list[Labelled]:
    form = random.choice(("written", "spoken", "spoken"))
    raw = form == "spoken" and random.random() < 0.5
    person = f"{random.choice(FIRST)} {random.choice(LAST)}"
    agent = random.choice(FIRST)
    turns: list[Labelled] = []

    def say(speaker: str, template: str, *values: tuple[str, str, str]) -> None:
        text, spans, rest = "", [], template
        for kind, value, how in values:
            before, _, rest = rest.partition("{}")
            text += before
            spans.append((len(text), len(text) + len(value), kind, how))
            text += value
        text += rest
        if raw:
            text = _bare(text, spans)
        turns.append(Labelled(f"{name}-{len(turns):02d}", name, len(turns), speaker, text, spans))

    say(
        "agent",
        f"Thank you for calling {random.choice(COMPANIES)}, this is {{}}. How can I help?",
        ("PERSON", agent, form),
    )
    say("user", "Hi, this is {}, I have a question about my bill.", ("PERSON", person, form))
    for kind, question, answers in random.sample(ASKED, random.randint(2, 5)):
        if random.random() < 0.6:
            say("user" if random.random() < 0.5 else "agent", _clean(random, form))
        say("agent", question)
        value = person if kind == "PERSON" else _value(kind, random, form, person)
        if form == "spoken" and kind in ("PHONE", "CREDIT_CARD", "US_SSN", "BANK_ACCOUNT") and random.random() < 0.4:
            for piece in _pieces(value):
                say("user", random.choice(("{}", "then {}", "and {}", "okay {}")), (kind, piece, "split"))
                say("agent", random.choice(("mm hmm", "Okay.", "Go on.", "Got it.")))
            continue
        say("user", random.choice(answers), (kind, value, form))
        if random.random() < 0.4:
            say(
                "agent",
                random.choice(("So that is {}, correct?", "I have {} here.", "Thanks, {}.")),
                (kind, value, form),
            )
        if kind == "PERSON" and random.random() < 0.5:
            last = person.split()[1]
            say(
                "user", "It is spelled {}.", ("PERSON", " ".join(last.lower() if form == "spoken" else last), "spelled")
            )
    say("agent", "Have a great day {}.", ("PERSON", person.split()[0], form))
    return turns


def _clean(random: Random, form: str) -> str:
    a, b = random.randint(2, 99), random.randint(2, 60)
    said = {"a": str(a), "b": str(b), "day": f"{b % 28 + 1}th"}
    if form == "spoken":
        said = {"a": _two(a), "b": _two(b), "day": DAYS[b % 28]}
    return random.choice(CLEAN).format(**said)


def _bare(text: str, spans: list[tuple[int, int, str, str]]) -> str:
    """Lower case without punctuation, as recognisers write; the spans move along."""
    kept = [place for place, character in enumerate(text) if character.isalnum() or character in " '"]
    spans[:] = [
        (sum(place < start for place in kept), sum(place < end for place in kept), kind, how)
        for start, end, kind, how in spans
    ]
    return "".join(text[place] for place in kept).lower()


def _value(kind: str, random: Random, form: str, person: str) -> str:
    written = form == "written"
    match kind:
        case "PHONE":
            digits = f"500555{random.randint(0, 9999):04d}"
            if written:
                shape = random.choice(("{}-{}-{}", "({}) {}-{}", "+1 {} {} {}", "{}{}{}"))
                return shape.format(digits[:3], digits[3:6], digits[6:])
            return _digits(digits, random)
        case "CREDIT_CARD":
            digits = _card(random)
            return " ".join(digits[at : at + 4] for at in range(0, 16, 4)) if written else _digits(digits, random)
        case "US_SSN":
            digits = f"{random.randint(900, 999)}{random.randint(10, 99)}{random.randint(1000, 9999)}"
            return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}" if written else _digits(digits, random)
        case "DOB":
            month, day, year = random.randint(1, 12), random.randint(1, 28), random.randint(1938, 2005)
            if written:
                return random.choice((f"{month:02d}/{day:02d}/{year}", f"{MONTHS[month - 1]} {day}, {year}"))
            return f"{MONTHS[month - 1]} {DAYS[day - 1]} {_year(year)}"
        case "MEMBER_ID":
            letters = "".join(random.choice("BCDFGHJKMNPQRTVWXYZ") for _ in range(random.randint(2, 3)))
            digits = f"{random.randint(100000, 9999999)}"
            return letters + digits if written else f"{' '.join(letters.lower())} {_digits(digits, random)}"
        case "BANK_ACCOUNT":
            digits = f"{random.randint(10**8, 10**10 - 1)}"
            return digits if written else _digits(digits, random)
        case "EMAIL":
            first, last = person.lower().split()
            host = random.choice(("example.com", "example.org"))
            if written:
                return f"{first}.{last}@{host}"
            local = random.choice(
                (f"{first} dot {last}", f"{first}{last}", f"{' '.join(first)} {_two(random.randint(11, 99))}")
            )
            return f"{local} at {host.replace('.', ' dot ')}"
        case "PIN_OTP":
            digits = f"{random.randint(0, 999999):06d}"
            return digits if written else _digits(digits, random)
        case "ZIP":
            digits = f"{random.randint(10000, 99999)}"
            return digits if written else _digits(digits, random)
        case _:
            house, town, state = random.randint(11, 9999), random.choice(TOWNS), random.choice(STATES)
            code, street = f"{random.randint(10000, 99999)}", random.choice(STREETS)
            if written:
                return f"{house} {street}, {town}, {state} {code}"
            return f"{_digits(str(house), random)} {street} {town} {state} {_digits(code, random)}"


def _pieces(value: str) -> list[str]:
    """A number in three parts, none of which ends on a "double" or holds a filler."""
    said = [word for word in value.split() if word not in ("uh", "um", "then", "you", "know")]
    parts: list[list[str]] = [[], [], []]
    at = 0
    for place, word in enumerate(said):
        if place and said[place - 1] != "double":
            at = max(at, min(2, 3 * place // len(said)))
        parts[at].append(word)
    return [" ".join(part) for part in parts if part]


def _digits(digits: str, random: Random) -> str:
    """Digits as people say them: one by one, in pairs, doubled, with a filler now and then."""
    pairs = random.random() < 0.25
    zero = random.choice(("zero", "oh"))
    words: list[str] = []
    at = 0
    while at < len(digits):
        pair = digits[at : at + 2]
        if len(pair) == 2 and pair[0] == pair[1] and random.random() < 0.3:
            words.append(f"double {zero if pair[0] == '0' else ONES[int(pair[0])]}")
            at += 2
        elif pairs and len(pair) == 2 and pair[0] != "0":
            words.append(_two(int(pair)))
            at += 2
        else:
            words.append(zero if digits[at] == "0" else ONES[int(digits[at])])
            at += 1
    if len(words) > 4 and random.random() < 0.2:
        words.insert(random.randint(1, len(words) - 2), random.choice(("uh", "um", "then", "you know")))
    return " ".join(words)


def _two(number: int) -> str:
    if number < 10:
        return ONES[number]
    if number < 20:
        return TEENS[number - 10]
    return TENS[number // 10 - 2] + (f" {ONES[number % 10]}" if number % 10 else "")


def _year(year: int) -> str:
    if year >= 2000:
        return "two thousand" + (f" {_two(year % 100)}" if year % 100 else "")
    return f"nineteen {_two(year % 100)}"


def _card(random: Random) -> str:
    body = "4" + "".join(str(random.randint(0, 9)) for _ in range(14))
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)
