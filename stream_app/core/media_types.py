"""The only place that says which media types a transcript and a recording may be stated to have.

A store that was not told says `application/octet-stream`: that is no statement. Everything else must be of its kind: a
web page in place of a transcript, or a JSON error in place of a recording, is what a wrong address gives.
"""

from __future__ import annotations

_NO_STATEMENT = ("application/octet-stream", "binary/octet-stream")
_TRANSCRIPTS = ("application/json", "text/json", "text/plain", *_NO_STATEMENT)
"""Whether the text is a transcript, its content shows."""
_RECORDINGS = ("application/ogg", *_NO_STATEMENT)
_HEARD = ("audio/", "video/")
"""An egress of a room may come with pictures."""


def is_transcript_type(media_type: str) -> bool:
    """Whether a transcript may be of this type; its parameters do not matter."""
    bare = _bare(media_type)
    return bare in _TRANSCRIPTS or (bare.startswith("application/") and bare.endswith("+json"))


def is_recording_type(media_type: str) -> bool:
    """The same of a recording."""
    bare = _bare(media_type)
    return bare in _RECORDINGS or bare.startswith(_HEARD)


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
