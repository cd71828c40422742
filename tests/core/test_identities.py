"""How calls are named: which aliases an event has, and which of them it waits under."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.events import CallEnded
from stream_app.core.evidence import Position
from stream_app.core.identities import PRECEDENCE, Link, alias_key, aliases_of, by_precedence
from tests import stories


def event(**fields: Any) -> CallEnded:
    return CallEnded.from_dict(stories.call_ended(**fields))


def test_a_trace_id_is_an_alias() -> None:
    assert aliases_of(event(traceId="t-1", aliases={"livekitRoom": "r"})) == {"livekitRoom": "r", "traceId": "t-1"}
    assert aliases_of(event(traceId="t-1", aliases={"traceId": "t-1"})) == {"traceId": "t-1"}
    assert aliases_of(event()) == {}


def test_an_event_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        aliases_of(event(traceId="t-1", aliases={"traceId": "t-2"}))


def test_the_best_known_scheme_comes_first_and_the_trace_last() -> None:
    aliases = {
        "traceId": "t",
        "ourOwn": "o",
        "livekitRoom": "r",
        "twilioCallSid": "c",
        "testRunId": "run",
        "anOwn": "a",
    }
    assert by_precedence(aliases) == [
        "twilioCallSid:c", "livekitRoom:r", "anOwn:a", "ourOwn:o", "testRunId:run", "traceId:t",
    ]  # fmt: skip
    assert by_precedence(dict(reversed(aliases.items()))) == by_precedence(aliases)
    assert PRECEDENCE[-1] == "traceId"


def test_keys_keep_schemes_apart() -> None:
    assert alias_key("a", "b:c") != alias_key("x", "b:c")


@pytest.mark.parametrize("alias", ["", "s:" + "v" * 320, "s:a\nb"])
def test_a_longer_or_unprintable_alias_is_refused(alias: str) -> None:
    where = Position(topic="call-ended", partition=0, offset=0)
    with pytest.raises(ValidationError, match="alias"):
        Link(alias=alias, said_by="test", position=where)
