"""WAV headers: what a real writer makes is measured, what contradicts itself is refused."""

from __future__ import annotations

import io
import wave
from struct import pack

import pytest

from stream_app.core.wav import HEAD_BYTES, Measured, WavError, is_wav, read_wav


def recording(*, channels: int = 2, width: int = 2, rate: int = 8000, ms: int = 1500) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(bytes(channels * width * rate * ms // 1000))
    return buffer.getvalue()


def with_fmt(code: int, channels: int, rate: int, bytes_s: int, frame: int, bits: int, extra: bytes = b"") -> bytes:
    fmt = pack("<HHIIHH", code, channels, rate, bytes_s, frame, bits) + extra
    body = b"WAVE" + b"fmt " + pack("<I", len(fmt)) + fmt + b"data" + pack("<I", 8000) + bytes(8000)
    return b"RIFF" + pack("<I", len(body)) + body


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("ms", [20, 1500, 60_000])
def test_what_the_standard_library_writes_is_measured(channels: int, width: int, ms: int) -> None:
    body = recording(channels=channels, width=width, ms=ms)
    assert read_wav(body[:HEAD_BYTES], len(body)) == Measured(channels, ms)


def test_a_note_before_the_sound_is_passed_over() -> None:
    plain = recording()
    note = b"LIST" + pack("<I", 5) + b"abcde\x00"
    body = plain[:36] + note + plain[36:]
    body = body[:4] + pack("<I", len(body) - 8) + body[8:]
    assert read_wav(body, len(body)) == Measured(2, 1500)


def test_mu_law_and_extensible_headers_are_known() -> None:
    mu_law = with_fmt(7, 1, 8000, 8000, 1, 8)
    assert read_wav(mu_law, len(mu_law)) == Measured(1, 1000)
    extensible = with_fmt(0xFFFE, 2, 8000, 16000, 2, 8, pack("<HHI", 22, 8, 3) + pack("<H", 1) + bytes(14))
    assert read_wav(extensible, len(extensible)) == Measured(2, 500)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "does not begin"),
        (b"ID3\x04" + bytes(100), "does not begin"),
        (bytes(6_000), "does not begin"),
        (recording() + b"more", "another size"),
        (recording()[:-400], "another size"),
        (with_fmt(0x55, 1, 8000, 8000, 1, 8), "not known"),
        (with_fmt(1, 0, 8000, 0, 0, 8), "no channels"),
        (with_fmt(1, 2, 8000, 16000, 1, 8), "contradicts"),
        (with_fmt(1, 2, 8000, 1, 2, 8), "contradicts"),
        (with_fmt(0xFFFE, 2, 8000, 16000, 2, 8), "cut short"),
        (with_fmt(1, 3, 8000, 24000, 3, 8), "no whole frames"),
    ],
)
def test_what_contradicts_itself_is_no_wav(body: bytes, told: str) -> None:
    with pytest.raises(WavError, match=told):
        read_wav(body[:HEAD_BYTES], len(body))


@pytest.mark.parametrize("cut", range(44))
def test_a_header_that_breaks_off_is_refused_at_every_byte(cut: int) -> None:
    with pytest.raises(WavError):
        read_wav(recording()[:cut], cut)


def test_a_length_beyond_the_file_is_refused() -> None:
    body = bytearray(recording())
    body[40:44] = pack("<I", len(body))
    with pytest.raises(WavError, match="shorter than its header"):
        read_wav(bytes(body), len(body))


def test_only_what_claims_to_be_a_wav_is_read_as_one() -> None:
    assert is_wav("audio/wav; codecs=1", "s3://a/b")
    assert is_wav(None, "https://example.org/a.WAV?token=1")
    assert not is_wav("audio/mpeg", "s3://a/b.wav")
    assert not is_wav(None, "s3://a/b.ogg")
