"""What a gate can ask of its subject, and how reasons become a verdict."""

from __future__ import annotations

from stream_app.core.gates.subject import absence, verdict
from tests.core.gates.subjects import good_subject, optional, required, unnamed


def test_the_worse_reasons_decide_and_none_is_lost() -> None:
    assert verdict("audio", block=[], warn=[]).verdict == "pass"
    assert verdict("audio", block=[], warn=["a"]).reasons == ("a",)
    both = verdict("audio", block=["b"], warn=["a"])
    assert (both.verdict, both.reasons) == ("block", ("b", "a"))


def test_an_absence_warns_when_named_blocks_when_not_and_is_nothing_when_optional() -> None:
    assert absence(required("trace"), "trace") == ([], ["trace is missing: never_seen"])
    assert absence(unnamed("trace"), "trace") == (["trace is required, absent, and not named as missing"], [])
    assert absence(optional("trace"), "trace") == ([], [])


def test_a_subject_finds_its_artifacts_and_gaps() -> None:
    audio = good_subject().artifact("audio")
    assert audio is not None
    assert audio.media_type == "audio/wav"
    assert good_subject().artifact("nothing") is None
    assert good_subject().gap("trace") is None
    gap = required("trace").gap("trace")
    assert gap is not None
    assert gap.reason == "never_seen"
