"""The only place that reads the header of a WAV recording: channels and length as the file itself states them.

Strict: what contradicts itself, or what the file holds, is no WAV. Only the first bytes are looked at; nothing is
decoded. Shapes: RIFF/WAVE with PCM, float, A-law or mu-law samples, plain or "extensible".
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

HEAD_BYTES = 64 * 1024
"""How much of a recording is enough to find its sound: headers with notes in them are longer than the usual 44."""

_FORMATS = {1: "PCM", 3: "float", 6: "A-law", 7: "mu-law"}
_EXTENSIBLE = 0xFFFE
_MEDIA_TYPES = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")


class WavError(ValueError):
    """Not a WAV, or one that contradicts itself; the text says how and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the recording's own header says."""

    channels: int
    duration_ms: int


def is_wav(media_type: str | None, uri: str) -> bool:
    """Whether a recording claims to be a WAV: by its media type, or where that says nothing by its name."""
    told = (media_type or "").partition(";")[0].strip().lower()
    if told in _MEDIA_TYPES:
        return True
    return told in ("", "application/octet-stream") and uri.partition("?")[0].lower().endswith(".wav")


def read_wav(head: bytes, size: int) -> Measured:
    """Channels and duration of a file of `size` bytes that begins with `head` (HEAD_BYTES, or all). Raises WavError."""
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise WavError("the recording is no WAV: it does not begin as one")
    (stated,) = unpack_from("<I", head, 4)
    if stated + 8 not in (size, size - 1):  # One byte of padding may follow.
        raise WavError("the recording's header states another size than it has")
    layout: tuple[int, int, int] | None = None
    at = 12
    while at + 8 <= len(head):
        name, length = head[at : at + 4], unpack_from("<I", head, at + 4)[0]
        if name == b"fmt ":
            if layout is not None:
                raise WavError("the recording's header describes its sound twice")
            layout = _layout(head, at + 8, length)
        elif name == b"data":
            if layout is None:
                raise WavError("the recording's header does not describe its sound")
            return _measured(layout, at + 8, length, size)
        at += 8 + length + (length & 1)
    raise WavError("the recording's header names no sound")


def _layout(head: bytes, at: int, length: int) -> tuple[int, int, int]:
    """(channels, bytes a frame, bytes a second) of a `fmt ` chunk."""
    if length < 16 or at + length > len(head):
        raise WavError("the recording's header is cut short")
    code, channels, rate, bytes_s, frame, bits = unpack_from("<HHIIHH", head, at)
    if code == _EXTENSIBLE:
        if length < 40:
            raise WavError("the recording's header is cut short")
        (code,) = unpack_from("<H", head, at + 24)
    if code not in _FORMATS:
        raise WavError("the recording's samples are of a kind that is not known")
    if not channels or not rate or bits % 8 or not bits:
        raise WavError("the recording's header has no channels, rate or sample size")
    if frame != channels * bits // 8 or bytes_s != rate * frame:
        raise WavError("the recording's header contradicts itself")
    return channels, frame, bytes_s


def _measured(layout: tuple[int, int, int], start: int, length: int, size: int) -> Measured:
    channels, frame, bytes_s = layout
    if start + length > size:
        raise WavError("the recording is shorter than its header says")
    if not length or length % frame:
        raise WavError("the recording holds no whole frames of sound")
    return Measured(channels, round(length * 1000 / bytes_s))
