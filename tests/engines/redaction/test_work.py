"""What a redaction process does: names that a provider left are masked anew, other leaks are told."""

from __future__ import annotations

import json

import pytest

from stream_app.engines.redaction import work
from stream_app.pipeline.ports import RedactionFailed


def document(*texts: str) -> bytes:
    return json.dumps({"turns": [{"speaker": "caller", "text": text} for text in texts]}).encode()


def test_a_name_that_was_left_is_masked_in_a_copy_of_ours() -> None:
    cleared = work.clear(document("my name is odette", "call [PHONE_1]"), [], frozenset(), False, True)
    assert b"odette" not in cleared.body
    assert b"[PHONE_1]" in cleared.body
    assert cleared.report is not None
    assert cleared.leaks == ()


def test_a_known_value_never_passes() -> None:
    for stated in (True, False):
        cleared = work.clear(document("it is two two oh four one nine"), ["220419"], frozenset(), False, stated)
        assert cleared.leaks or b"oh four" not in cleared.body


def test_a_missing_model_fails_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_cache: object) -> None:
        raise work.ModelUnavailable("not here")

    monkeypatch.setattr(work, "_loaded", [])
    monkeypatch.setattr(work.Model, "load", absent)
    assert work.warm(True) is False
    with pytest.raises(RedactionFailed) as failed:
        work.clear(document("yesterday thibodeaux came"), [], frozenset(), True, False)
    assert failed.value.reason == "model_unavailable"
