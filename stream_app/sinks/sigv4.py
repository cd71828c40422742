"""The only place for signing an S3 request by AWS Signature Version 4: headers in, signed headers out.

The client library can do it too, at ten times the cost; a test holds this to the library's own signatures.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """One set of credentials; `token` is that of temporary ones."""

    access_key: str
    secret_key: str
    token: str | None = None


@dataclass(slots=True)
class Signer:
    """Signs requests for one region; the key of a day is derived once."""

    region: str
    _derived: tuple[str, str, bytes] = field(default=("", "", b""), init=False, repr=False)

    def sign(
        self, method: str, host: str, path: str, headers: dict[str, str], body: bytes, keys: Keys, at_s: float
    ) -> dict[str, str]:
        """`headers` (names in lower case, all of them signed) with what the signature adds; `path` as it is sent."""
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))
        day, digest = at[:8], sha256(body).hexdigest()
        signed = {**headers, "x-amz-content-sha256": digest, "x-amz-date": at}
        if keys.token is not None:
            signed["x-amz-security-token"] = keys.token
        covered = sorted([("host", host), *signed.items()])
        names = ";".join(name for name, _ in covered)
        lines = "".join(f"{name}:{value}\n" for name, value in covered)
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
        scope = f"{day}/{self.region}/s3/aws4_request"
        text = f"{ALGORITHM}\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key, day), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _key(self, secret: str, day: str) -> bytes:
        if self._derived[:2] != (secret, day):
            key = b"AWS4" + secret.encode()
            for part in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (secret, day, key)
        return self._derived[2]


def encoded_key(key: str) -> str:
    """An object's key as it stands in the path of a request."""
    return quote(key, safe="/~")
