"""The only place that knows how LiveKit names a call: rooms, participants, jobs, egresses, and its enums.

Sources: LiveKit's protocol (protobuf, 1.1.29) and its documentation of SIP participants. JSON comes as protojson: names
of fields in camelCase or snake_case, 64-bit integers as text, enums by name or number, and what is 0 or empty left out.
A phone call is a room with a SIP participant in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import Event, IdentityLinked
from stream_app.core.wire import Json
from stream_app.providers import carriers
from stream_app.providers.adapter import AnyEvent, Delivery, Normalised, Refused, event
from stream_app.providers.reading import identifier, mapping, number, take, text
from stream_app.providers.restated import told

_TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_HEADER = "sip.h."
"""Prefix of attributes that hold a header of the SIP request. Only one that carries our own names is looked at."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a payload says of a call's names; the names of its events, and where our own values may ride."""

    delivery: Delivery
    aliases: dict[str, str]
    places: tuple[Mapping[str, Any], ...]
    deployment: str | None = None
    """Of the agent's job: what its makers deployed."""

    @property
    def name(self) -> str:
        """Begin of the IDs of its events."""
        own = [self.aliases.get(scheme) for scheme in ("livekitRoomSid", "livekitRoom", "livekitEgress", "livekitJob")]
        return next((name for name in own if name is not None), None) or carriers.call_id(*self.places) or "unnamed"

    @property
    def names(self) -> dict[str, Any]:
        """`canonical_call_id`, `aliases` and `trace_id` of its events."""
        return {
            "canonical_call_id": carriers.call_id(*self.places),
            "aliases": self.aliases,
            "trace_id": carriers.trace_id(*self.places),
        }

    @property
    def agent_version(self) -> str | None:
        """What the agent's makers state, else the deployment that the job ran."""
        return carriers.agent_version(*self.places) or self.deployment

    def tell(self, model: type[AnyEvent], fact: str, *, at_ms: int | None, **fields: Any) -> AnyEvent:
        """An event about this call; `fact` names what it says."""
        return told(event(model, self.delivery, id=f"{self.name}:{fact}", at_ms=at_ms, **self.names, **fields))

    def linked(self, fact: str, at_ms: int | None, otherwise: str) -> Normalised:
        """No evidence, but two names of one call."""
        known = sum(self.names[one] is not None for one in ("canonical_call_id", "trace_id")) + len(self.aliases)
        if known < 2:
            raise Refused("nothing_to_report", otherwise)
        return Normalised((self.tell(IdentityLinked, f"names:{fact}", at_ms=at_ms),))


def of_webhook(delivery: Delivery, document: dict[str, Any]) -> Call:
    """The call that a webhook is about."""
    job = mapping(take(document, "job"))
    egress, ingress = mapping(take(document, "egressInfo")), mapping(take(document, "ingressInfo"))
    room = mapping(take(document, "room")) or mapping(take(job, "room"))
    participant = mapping(take(document, "participant")) or mapping(take(job, "participant"))
    attributes = mapping(take(participant, "attributes"))
    places = (
        delivery.query,
        mapping(take(room, "metadata")),
        attributes,
        headers_of(attributes),
        mapping(take(participant, "metadata")),
        mapping(take(job, "metadata")),
        mapping(take(job, "attributes")),
    )
    return Call(
        delivery,
        named(
            livekitRoomSid=(take(room, "sid"), take(egress, "roomId"), take(ingress, "state", "roomId")),
            livekitRoom=(take(room, "name"), take(egress, "roomName"), take(ingress, "roomName")),
            livekitEgress=(take(egress, "egressId"),),
            livekitJob=(take(job, "id"),),
            sipCallId=(take(attributes, "sip.callID"),),
            twilioCallSid=(_twilio(take(attributes, "sip.twilio.callSid")),),
            testRunId=(carriers.test_run(*places),),
        ),
        places,
        text(job, "deployment"),
    )


def named(**schemes: tuple[Json, ...]) -> dict[str, str]:
    """Aliases: of each scheme the first value that is one."""
    found = {scheme: next(filter(None, map(identifier, values)), None) for scheme, values in schemes.items()}
    return {scheme: name for scheme, name in found.items() if name is not None}


def _twilio(value: Json) -> str | None:
    return value if isinstance(value, str) and _TWILIO_SID.fullmatch(value) else None


def headers_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """SIP headers by their own names."""
    return {name[len(_HEADER) :]: value for name, value in attributes.items() if name.lower().startswith(_HEADER)}


def trunk_name(call: Call, document: dict[str, Any], at_ms: int | None) -> tuple[Event, ...]:
    """`sip.callIDFull` is the trunk's name of the call beside LiveKit's own: one event has room for one of them."""
    full = identifier(mapping(take(document, "participant", "attributes")), "sip.callIDFull")
    if full is None or call.aliases.get("sipCallId") in (None, full):
        return ()
    other = Call(call.delivery, {**call.aliases, "sipCallId": full}, call.places)
    return (other.tell(IdentityLinked, "names:trunk", at_ms=at_ms),)


def word(value: Json, numbered: Mapping[int, str]) -> str | None:
    """An enum's value by its name; a number that has none, and one that is left out, is None."""
    found = number(value)
    if found is not None:
        return numbered.get(int(found))
    stated = text(value, limit=64)
    return None if stated is None else stated.upper()
