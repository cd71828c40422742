"""Whom Vapi's messages are about: names, versions and times, wherever they stand."""

from __future__ import annotations

from typing import Any

from stream_app.core.events import CallEnded, IdentityLinked
from tests.providers.trying import Trying

VAPI = Trying("vapi")
BEGAN_MS = 1_788_000_000_000
ENDED_MS = BEGAN_MS + 150_500


def test_names_link_a_call_once_however_often_they_are_told() -> None:
    links = [VAPI.events(VAPI.own(name)) for name in ("status-in-progress", "tool-calls-with-tools")]
    assert {event.event_id for events in links for event in events} == {links[0][0].event_id}
    assert links[0] == links[1]
    assert isinstance(links[0][0], IdentityLinked)


def test_other_carriers_names_are_not_taken_for_twilios() -> None:
    (ended,) = VAPI.of(CallEnded, VAPI.own("end-of-call-report-legacy"))
    assert ended.aliases == {"vapiCallId": "call-2", "vapiProviderCallId": "CON-8f7e"}
    assert ended.canonical_call_id == "call_demo_8"
    assert ended.agent_version == "refunds-12"
    assert (ended.started_at, ended.ended_at) == (BEGAN_MS, ENDED_MS)


def test_a_squad_has_the_versions_of_its_members() -> None:
    (ended,) = VAPI.of(CallEnded, VAPI.own("squad"))
    assert (ended.agent_id, ended.agent_version) == ("squad-1", "v3,v7")


def test_keys_in_another_case_say_the_same() -> None:
    def snake(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                "".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(one) for key, one in value.items()
            }
        return [snake(one) for one in value] if isinstance(value, list) else value

    document = VAPI.own("end-of-call-report")
    assert VAPI.events(snake(document)) == VAPI.events(document)


def test_the_query_may_name_the_call() -> None:
    events = VAPI.events(VAPI.own("end-of-call-report-legacy"), canonicalCallId="call_q")
    assert {event.canonical_call_id for event in events} == {"call_q"}
