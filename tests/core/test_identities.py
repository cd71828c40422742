"""How calls are named: which aliases an event has, and which of them it waits under."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stream_app.core.events import CallEnded
from stream_app.core.evidence import AcceptedEvent, Position, event_digest, reduce_event
from stream_app.core.identities import PRECEDENCE, Link, Park, alias_key, aliases_of, by_precedence
from stream_app.core.identity import AliasState, fold_link, fold_park
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


def test_the_longest_alias_that_an_event_may_carry_has_room_in_every_record() -> None:
    claimed = event(aliases={"s" * 64: "v" * 256}, traceId="t" * 256)
    first, second = by_precedence(aliases_of(claimed))
    where = Position(topic="call-ended", partition=0, offset=0)
    accepted = AcceptedEvent(
        position=where, received_at=0, digest=event_digest(claimed), event=reduce_event(claimed)
    )  # fmt: skip
    parked = fold_park(AliasState(alias=first), Park(alias=first, event=accepted), now=0).state
    linked = fold_link(parked, Link(alias=first, other=second, said_by="test", position=where)).state
    assert AliasState.from_dict(linked.to_dict()) == linked
    assert (len(linked.alias), linked.edges) == (64 + 1 + 256, (second,))


@pytest.mark.parametrize("alias", ["", "s:" + "v" * 320, "s:a\nb"])
def test_a_longer_or_unprintable_alias_is_refused(alias: str) -> None:
    where = Position(topic="call-ended", partition=0, offset=0)
    with pytest.raises(ValidationError, match="alias"):
        Link(alias=alias, said_by="test", position=where)
