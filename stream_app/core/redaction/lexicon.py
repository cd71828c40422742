"""The only place for the words that redaction rules know: numerals, fillers, months, states, streets, cues.

English only. Lists are ours; a word that stands in none of them is judged by its neighbours.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set: a list of words is easier to read as a text."""
    return frozenset(text.split())


UNITS: dict[str, int] = {
    "zero": 0, "oh": 0, "o": 0, "nought": 0, "naught": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "niner": 9,
}  # fmt: skip
TEENS: dict[str, int] = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS: dict[str, int] = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
SCALES: dict[str, int] = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
REPEATS: dict[str, int] = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
ORDINALS: dict[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
MONTHS: dict[str, int] = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7,
    "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip

FILLERS = words(
    """
    uh um er ah erm hmm mm like you know then so okay ok yeah well and right let me see sorry actually wait hold on
    """
)
"""What people say between the digits of one number."""
CONNECTORS = frozenset(("-", ",", "(", ")", "/", "+", "dash", "hyphen", "space", "slash", "minus", "plus", "–", "."))
ADDRESS_JOINTS: dict[str, str] = {
    "dot": ".", "period": ".", "point": ".", ".": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-",
    "-": "-", "plus": "+", "_": "_",
}  # fmt: skip
"""How the joints of an e-mail address are said."""

NOT_PERSONAL_AFTER = words(
    """
    dollar dollars buck bucks cent cents percent percentage % minute minutes min mins second seconds hour hours hr
    hrs day days week weeks month months year years time times am pm o'clock oclock customer customers people
    person persons item items box boxes pound pounds mile miles kilometers feet foot inch inches degree degrees
    song songs point points business model models cable cables euro euros gigabyte gigabytes megabyte megabytes gb
    mb mbps users calls orders guests nights rooms seats shares units players members students miles kg lbs
    """
)
"""Words right after a number that make it an amount, a time or a count."""
NOT_PERSONAL_BEFORE = words(
    """
    $ € £ flight model version chapter page room gate terminal highway interstate route channel line step since
    until around about almost nearly under over approximately by delta between united level article section
    """
)
"""Words right before a number that make it something else than a person's."""
MONEY = words("$ € £ dollar dollars buck bucks euro euros million billion percent %")

CUES: dict[str, tuple[str, ...]] = {
    "PHONE": ("phone", "cell", "mobile", "callback", "telephone", "reach", "cellphone", "landline", "fax", "sms",
              "texts", "whatsapp", "dial", "contact"),
    "CREDIT_CARD": ("card", "visa", "mastercard", "amex", "discover", "debit", "credit"),
    "US_SSN": ("ssn", "social", "security"),
    "ROUTING": ("routing", "aba"),
    "BANK_ACCOUNT": ("account", "acct", "checking", "savings", "iban", "bank"),
    "DOB": ("birth", "birthday", "birthdate", "born", "dob"),
    "CVV": ("cvv", "cvc"),
    "PIN_OTP": ("pin", "code", "passcode", "otp", "password", "verification", "texted"),
    "MEMBER_ID": ("member", "membership", "policy", "id", "license", "licence", "passport", "subscriber", "customer",
                  "reference", "confirmation", "ticket", "case", "claim", "driver", "number"),
    "ZIP": ("zip", "zipcode", "postal", "postcode"),
    "CARD_EXPIRY": ("expiration", "expires", "expiring", "expiry", "expire", "exp"),
    "LAST4": ("ending", "ends", "last", "digits"),
    "ADDRESS": ("address", "street", "ship", "mailing", "live", "lives", "residence", "deliver"),
    "EMAIL": ("email", "e-mail", "mail"),
}  # fmt: skip
"""Words that announce what kind of value is near; the order decides between two that are equally near."""
CUE_OF: dict[str, str] = {word: kind for kind in reversed(CUES) for word in CUES[kind]}

STREETS = words(
    """
    street st avenue ave av road rd drive dr lane ln boulevard blvd court ct place pl way terrace ter circle cir
    trail trl parkway pkwy highway hwy square sq loop plaza alley crescent crossing ridge hill hills forest dam
    gateway parks park fall falls path landing stream mews row run walk pike pass point ports port route shore
    shores spring springs spur station stravenue summit track trace turnpike union unions valley via viaduct view
    views village ville vista walks wall ways well wells brook brooks burg bypass camp canyon cape causeway center
    centers cliff cliffs club common corner corners course courts cove coves creek crest curve dale divide estate
    estates expressway extension ferry field fields flat flats ford fords forge fork forks fort freeway garden
    gardens glen glens green greens grove groves harbor harbors haven heights hollow inlet island islands isle
    junction key keys knoll knolls lake lakes land light lights locks lodge mall manor manors meadow meadows mill
    mills mission motorway mount mountain neck orchard oval overpass passage pine pines plain plains prairie radial
    ramp ranch rapid rapids rest river roads rue shoal shoals skyway squares streets throughway underpass junctions
    islands extensions
    """
)  # fmt: skip
SURE_STREETS = words(
    """
    street st avenue ave road rd drive lane ln boulevard blvd court ct terrace circle trail parkway pkwy highway
    crescent
    """
)
"""Street words that need no other sign of an address."""
DWELLINGS = words("apartment apt unit suite ste floor flat # room")
STATES = words(
    """
    alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri
    montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington
    wisconsin wyoming
    """
)
STATE_PAIRS = frozenset(
    ("new hampshire", "new jersey", "new mexico", "new york", "north carolina", "north dakota", "rhode island",
     "south carolina", "south dakota", "west virginia")
)  # fmt: skip
STATE_CODES = words(
    """
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR
    PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR AA AE AP
    """
)
ACRONYMS = words(
    """
    usa atm pin faq dmv irs ssn api fbi cvv otp dob sms vip llc ups dvd tv gps usb ceo hr pdf www com org net
    """
)
"""Letters in a row that spell no name."""
TLDS = words(
    """
    com net org edu gov io co uk de fr us info biz me ca au app dev ai ru it es nl eu se dk ch at
    """
)
