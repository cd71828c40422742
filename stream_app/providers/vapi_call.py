"""The only place that knows how Vapi writes a call: its names, times and settings, wherever in a message they stand.

Sources: Vapi's documentation of server messages, its SDKs' models (Python 3.0, PHP), its OpenAPI file. What a report
holds lies in the message, in its `call` or in its `artifact`, by the age of the account and of the assistant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stream_app.core.events import IdentityLinked
from stream_app.core.wire import Json
from stream_app.providers import carriers, times
from stream_app.providers.adapter import AnyEvent, Delivery, Normalised, Refused, event
from stream_app.providers.reading import boolean, fold, identifier, items, mapping, take, text
from stream_app.providers.restated import told

TWILIO_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_RANKS = {"status-update": 1, "end-of-call-report": 2, "get-call": 3}
"""Of two reports of one moment the one with the larger ID speaks: that is to be the one that knows more."""


@dataclass(frozen=True, slots=True)
class Call:
    """A message and the call it is about."""

    delivery: Delivery
    message: dict[str, Any]
    call: dict[str, Any]
    kind: str
    """`type` of the message; `get-call` for a call object that was asked for."""
    names: dict[str, Any]

    @property
    def name(self) -> str:
        """What the call is called in the IDs of its events."""
        aliases = self.names["aliases"]
        return str(aliases.get("vapiCallId") or self.names["canonical_call_id"] or next(iter(aliases.values()), None))

    @property
    def artifacts(self) -> tuple[dict[str, Any], ...]:
        """Where artifacts are named: once in one place, once in another."""
        return (mapping(take(self.message, "artifact")), mapping(take(self.call, "artifact")), self.message, self.call)

    @property
    def messages(self) -> list[Any] | None:
        """The conversation; None where the payload holds none, which is not an empty one."""
        for name in ("messages", "messagesOpenAIFormatted"):
            for place in self.artifacts:
                if isinstance(found := take(place, name), list):
                    return found
        return None

    @property
    def started_ms(self) -> int | None:
        """When the call was answered; never, where it is not."""
        return moment(take(self.message, "startedAt")) or moment(take(self.call, "startedAt"))

    @property
    def ended_ms(self) -> int | None:
        """When it ended, as far as that is said."""
        return moment(take(self.message, "endedAt")) or moment(take(self.call, "endedAt"))

    @property
    def said_ms(self) -> int | None:
        """When the message was made."""
        if self.kind == "get-call":
            return moment(take(self.call, "updatedAt"))
        return moment(take(self.message, "timestamp"))

    @property
    def at_ms(self) -> int | None:
        """When the message was true: as it was made, but not before the end that it tells of."""
        later = [ms for ms in (self.said_ms, self.ended_ms) if ms is not None]
        return max(later) if later else self.started_ms

    @property
    def ended_reason(self) -> str | None:
        """Why it ended: one of hundreds of codes."""
        return text(self.message, "endedReason") or text(self.call, "endedReason")

    def switch(self, *path: str) -> bool | None:
        """A setting of the assistant; what was overridden for this call comes first."""
        return next((on for place in self._settings() if (on := boolean(place, *path)) is not None), None)

    def setting(self, *path: str) -> str | None:
        """The same, of a setting that is a short text."""
        return next((said for place in self._settings() if (said := text(place, *path, limit=64)) is not None), None)

    def _settings(self) -> tuple[dict[str, Any], ...]:
        overrides = [mapping(take(self.call, name)) for name in ("assistantOverrides", "squadOverrides")]
        own = [mapping(take(place, "assistant")) for place in (self.message, self.call)]
        return (*overrides, self.call, self.message, *own)

    def tell(self, model: type[AnyEvent], fact: str, *, at_ms: int | None, **fields: Any) -> AnyEvent:
        """An event about this call; `fact` names what it says."""
        id = f"{self.name}:{fact}:{_RANKS.get(self.kind, 0)}-{self.kind}"
        return told(event(model, self.delivery, id=id, at_ms=at_ms, **self.names, **fields))

    def linked(self, otherwise: str) -> Normalised:
        """No evidence, but two names of one call. Every message says so: it happened once, when the call was made."""
        known = len(self.names["aliases"]) + sum(
            self.names[one] is not None for one in ("canonical_call_id", "trace_id")
        )
        if known < 2:
            raise Refused("nothing_to_report", otherwise)
        created = moment(take(self.call, "createdAt"))
        at_ms = self.at_ms if created is None else created
        return Normalised(
            (told(event(IdentityLinked, self.delivery, id=f"{self.name}:names", at_ms=at_ms, **self.names)),)
        )


def read(delivery: Delivery, message: dict[str, Any], call: dict[str, Any], kind: str) -> Call:
    """The call that a message is about."""
    return Call(delivery, message, call, kind, _names(delivery, message, call))


def moment(value: Json) -> int | None:
    """Vapi writes one and the same time as ISO text or as epoch ms."""
    return times.iso(value) or times.millis(value)


def _names(delivery: Delivery, message: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    """Who the call is: `canonical_call_id`, `aliases` and `trace_id` of its events."""
    places = (delivery.query, *_free_fields(message, call))
    aliases: dict[str, str] = {}
    if (own := identifier(call, "id") or identifier(message, "callId")) is not None:
        aliases["vapiCallId"] = own
    carrier = fold(text(call, "phoneCallProvider", limit=64) or "")
    for found in (identifier(call, "phoneCallProviderId"), identifier(call, "transport", "callSid")):
        if found is None:
            continue
        twilio = TWILIO_SID.fullmatch(found) is not None or carrier == "twilio"
        aliases.setdefault("twilioCallSid" if twilio else "vapiProviderCallId", found)
    if (run := carriers.test_run(*places)) is not None:
        aliases["testRunId"] = run
    return {
        "canonical_call_id": carriers.call_id(*places),
        "aliases": aliases,
        "trace_id": carriers.trace_id(*places),
    }


def agent_version(call: Call) -> str | None:
    """What its makers call the agent's version, else Vapi's own; a squad's where each member has its own."""
    stated = carriers.agent_version(call.delivery.query, *_free_fields(call.message, call.call))
    stated = stated or text(call.message, "assistantVersion") or text(call.call, "assistantVersion")
    if stated is not None:
        return stated
    active = _activations(call)
    squad = next((text(one, "squadVersion") for one in active if text(one, "squadVersion")), None)
    versions = list(dict.fromkeys(found for one in active if (found := text(one, "assistantVersion", limit=32))))
    return squad or ",".join(versions)[:512] or None


def agent_id(call: Call) -> str | None:
    """Which assistant, squad or workflow it was."""
    named = (
        text(place, name) for name in ("assistantId", "squadId", "workflowId") for place in (call.call, call.message)
    )
    own = next((one for one in named if one is not None), None) or text(call.message, "assistant", "id")
    return own or next((found for one in _activations(call) if (found := text(one, "assistantId"))), None)


def _activations(call: Call) -> list[Any]:
    return next((found for place in call.artifacts if (found := items(take(place, "assistantActivations")))), [])


def _free_fields(message: dict[str, Any], call: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Every place where the user's own values ride."""
    found: list[Json] = []
    for overrides in ("assistantOverrides", "squadOverrides", "workflowOverrides"):
        found += [take(call, overrides, name) for name in ("metadata", "variableValues")]
    found += [take(call, "metadata"), take(message, "metadata")]
    found += [take(place, "assistant", "metadata") for place in (call, message)]
    found += [take(place, "artifact", "variableValues") for place in (message, call)]
    found += [take(place, "variableValues") for place in (message, call)]
    return tuple(mapping(one) for one in found)
