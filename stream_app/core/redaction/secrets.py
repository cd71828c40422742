"""The only place for what secrets look like, and for what looks like one and is none: trace IDs, hashes, SIDs."""

from __future__ import annotations

import re

from stream_app.core.redaction.lexicon import words
from stream_app.core.redaction.spans import Span

SECRET_KEYS = words(
    """
    password passwd pwd passphrase passcode secret clientsecret token accesstoken refreshtoken idtoken authtoken
    sessiontoken bearer bearertoken apikey xapikey appkey apitoken apisecret privatekey secretkey secretaccesskey
    accesskey accesskeyid awsaccesskeyid awssecretaccesskey sharedkey signingkey encryptionkey authorization auth
    proxyauthorization cookie setcookie credential credentials webhooksecret signature connectionstring dsn pin otp cvv
    cvc cvv2 securitycode pincode
    """
)
"""Keys whose value is masked whatever it is; compared in lower case without `_`, `-` and spaces."""
PERSONAL_KEYS: dict[str, str] = {
    **dict.fromkeys(("phone", "phonenumber", "mobile", "cell", "callback", "callbacknumber", "msisdn", "fax"), "PHONE"),
    **dict.fromkeys(("email", "emailaddress", "mail"), "EMAIL"),
    **dict.fromkeys(("ssn", "socialsecuritynumber", "taxid", "nationalid", "tin"), "US_SSN"),
    **dict.fromkeys(("cardnumber", "card", "creditcard", "pan", "ccnumber"), "CREDIT_CARD"),
    **dict.fromkeys(("dob", "dateofbirth", "birthdate", "birthday"), "DOB"),
    **dict.fromkeys(("firstname", "lastname", "fullname", "surname", "givenname", "familyname", "customername",
                     "callername", "cardholder", "cardholdername", "maidenname"), "PERSON"),
    **dict.fromkeys(("address", "street", "streetaddress", "addressline1", "addressline2", "postaladdress"), "ADDRESS"),
    **dict.fromkeys(("zip", "zipcode", "postalcode", "postcode"), "ZIP"),
    **dict.fromkeys(("accountnumber", "bankaccount", "iban"), "BANK_ACCOUNT"),
    **dict.fromkeys(("routingnumber", "sortcode"), "ROUTING"),
    **dict.fromkeys(("memberid", "passport", "passportnumber", "driverslicense", "licensenumber"), "MEMBER_ID"),
}  # fmt: skip
"""Keys whose value is personal whatever it looks like."""
SAFE_KEYS = words(
    """
    traceid spanid parentspanid traceparent requestid correlationid callid callsid accountsid sid conversationid
    sessionid eventid toolcallid idempotencykey sha256 sha1 sha512 md5 digest checksum hash etag commit revision version
    createdat updatedat timestamp orderid ticketid invoiceid
    """
)
"""Keys whose value is an identifier of a machine; only what is a secret by its own form is masked in it."""

_SAFE = re.compile(
    r"(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?:CA|AC|SM|MM|RE|CF|PN|SK|WA|IS|CH|VA|GT|TR)[0-9a-f]{32}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))",
    re.IGNORECASE,
)
_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"
    r"|\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}"
    r"|\bwhsec_[0-9A-Za-z+/=]{16,}"
    r"|\bgh[pousr]_[0-9A-Za-z]{30,}|\bgithub_pat_[0-9A-Za-z_]{30,}|\bglpat-[0-9A-Za-z_-]{20,}"
    r"|\bxox[abeprs]-[0-9A-Za-z-]{10,}|https://hooks\.slack\.com/services/[\w/]+"
    r"|\bsk-(?:proj-|ant-|svcacct-)?[0-9A-Za-z_-]{20,}"
    r"|\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{20,}"
    r"|\bsk_[0-9a-f]{40,}|\bkey_[0-9a-f]{20,}"
    r"|\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|\bkey-[0-9a-f]{32}\b"
    r"|\bnpm_[0-9A-Za-z]{30,}|\bpypi-[0-9A-Za-z_-]{30,}|\bhf_[0-9A-Za-z]{30,}|\bdop_v1_[0-9a-f]{40,}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*"
    r"|(?i:\b(?:bearer|basic|token)\s+)[0-9A-Za-z._~+/=-]{12,}"
    r"|\b[a-z][a-z0-9+.-]{2,12}://[^\s:@/]{1,64}:[^\s@/]{3,128}@[^\s]+"
    r"|(?i:\b(?:password|passwd|pwd|secret|api[ _-]?key|access[ _-]?token|auth[ _-]?token|client[ _-]?secret)"
    r"[\"']?\s*(?:=|:|\bis\b)\s*[\"']?)[^\s\"',;&]{4,}"
)


def bare_key(key: str) -> str:
    """A key as it is compared: `X-Api-Key` -> `xapikey`."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def is_identifier(text: str) -> bool:
    """Whether the whole text is a trace ID, a hash, a UUID, a SID or an instant: never masked by its form."""
    return _SAFE.fullmatch(text.strip()) is not None


def secret_spans(text: str) -> list[Span]:
    """Secrets by their own form."""
    return [Span(*match.span(), "SECRET", "form") for match in _FORMS.finditer(text)]


_CUES = ("passw", "passphrase", "secret", "api", "token", "bearer", "basic", "pwd")
"""What a turn without any of them, and without a long token, need not be searched for."""
_SHORTEST = 15
"""Of the forms that need no cue, the shortest."""
_LONG = 20
_TOKEN = re.compile(r"(?<![^\s\"'(<:=])[A-Za-z0-9+/=_.:-]{20,}")


def told_secrets(text: str) -> list[Span]:
    """Secrets in what somebody typed: by their own form, and long tokens that mix letters of both sizes and digits.

    Nobody says such a token, and no word, hash, trace ID or SID is one. Addresses of pages are left alone.
    """
    lowered = text.lower()
    if max(map(len, text.split()), default=0) < _SHORTEST and not any(cue in lowered for cue in _CUES):
        return []
    found = secret_spans(text)
    for match in _TOKEN.finditer(text):
        token = match.group().rstrip(".:")
        mixed = re.search(r"[a-z]", token) and re.search(r"[A-Z]", token) and re.search(r"[0-9]", token)
        if mixed and "://" not in token and not is_identifier(token) and len(token) >= _LONG:
            found.append(Span(match.start(), match.start() + len(token), "SECRET", "token"))
    return found
