"""Words below fields are read back: own, inherited, and none where there is none."""

from __future__ import annotations

from stream_app.core.evidence import EventRecord
from stream_app.core.orders import SealOrder
from stream_app.settings import Settings
from stream_app.topics import TOPICS
from tools.docstrings import field_docs, one_line, summary
from tools.reference import settings_page, topics_page


def test_words_below_fields_are_read_back() -> None:
    assert field_docs(SealOrder)["order_id"] == "`canonicalCallId/version`, the later packet's ID."
    assert "missing" not in field_docs(SealOrder)
    assert field_docs(dict) == {}


def test_inherited_fields_keep_their_words() -> None:
    class Further(EventRecord):
        """Only for this test."""

    assert field_docs(Further)["digest"] == field_docs(EventRecord)["digest"] != ""


def test_summary_is_the_first_paragraph_of_the_own_docstring() -> None:
    assert summary(SealOrder) == "Seal version n of this call, now, with exactly this evidence."

    class Bare(SealOrder):
        pass

    assert summary(Bare) == ""
    assert one_line("a\n   b\n") == "a b"


def test_reference_pages_leave_nothing_out() -> None:
    page = settings_page()
    assert [name for name in Settings.model_fields if f"`STREAM_APP_{name.upper()}`" not in page] == []
    assert "| `STREAM_APP_S3_ENDPOINT` | not set | None means AWS itself. |" in page
    assert topics_page().count("[v1](../../schemas/") == sum(bool(topic.models) for topic in TOPICS)
