"""The only place for random samples: a keyed hash per stratum, so that the same seed always draws the same calls.

No counter and no random number: whether a call is in depends on nothing but the seed, the reason, its stratum and its
ID, so every worker, every re-run and every auditor gets the same answer, and the rate is the inclusion probability.
A higher rate only adds calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any

from stream_app.core.conditions import Value
from stream_app.core.policy import Sample
from stream_app.core.wire import write_json

Stratum = dict[str, str | None]

_SPAN = 1 << 64


def stratum_of(sample: Sample, values: Mapping[str, Value]) -> Stratum:
    """The stratum a call belongs to: each field of `by`, None where the call does not say."""
    return {field: str(values[field]) if field in values else None for field in sample.by}


def rate_of(sample: Sample, stratum: Stratum) -> float:
    """The rate of this stratum: the first row of `strata` that matches, else the sample's own."""
    for row in sample.strata:
        if all(stratum[field] == value for field, value in row.match.items()):
            return row.rate
    return sample.rate


def draw(seed: str, reason: str, stratum: Stratum, call_id: str) -> float:
    """A number in [0, 1): the first 8 bytes of SHA-256 over the compact JSON `[seed, reason, stratum, callId]`."""
    return _number(_begun(seed, reason, tuple(stratum.items())), call_id)


def _number(begun: Any, call_id: str) -> float:
    hasher = begun.copy()
    hasher.update(f",{encode_basestring(call_id)}]".encode())
    return (int.from_bytes(hasher.digest()[:8], "big") >> 11) / (_SPAN >> 11)


@lru_cache(maxsize=4096)
def _begun(seed: str, reason: str, stratum: tuple[tuple[str, str | None], ...]) -> Any:
    """SHA-256 over what the calls of a stratum have in common, for `copy`."""
    return sha256(write_json([seed, reason, dict(stratum)])[:-1])


class Strata:
    """One reason's sample, ready to be asked often: each stratum is worked out once, and the last ones remembered."""

    def __init__(self, sample: Sample, reason: str) -> None:
        self._sample = sample
        self._reason = reason
        self._known: dict[tuple[Value | None, ...], tuple[float, Any, Stratum]] = {}

    def drawn(self, values: Mapping[str, Value], call_id: str) -> tuple[float, Stratum] | None:
        """(inclusion probability, stratum) where the call is in the sample, as `is_drawn`; None where it is not."""
        key = tuple([values.get(field) for field in self._sample.by])
        known = self._known.get(key)
        if known is None:
            stratum = stratum_of(self._sample, values)
            begun = _begun(self._sample.seed, self._reason, tuple(stratum.items()))
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = (rate_of(self._sample, stratum), begun, stratum)
        rate, begun, stratum = known
        if rate < 1 and (rate <= 0 or _number(begun, call_id) >= rate):
            return None
        return rate, stratum


_MOST = 4096
"""Strata remembered of a sample."""


def is_drawn(sample: Sample, reason: str, stratum: Stratum, call_id: str) -> bool:
    """Whether the call is in the sample."""
    return draw(sample.seed, reason, stratum, call_id) < rate_of(sample, stratum)
