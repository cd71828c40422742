"""The only place that knows how LiveKit speaks: its webhooks; egresses and session reports have rooms of their own.

Sources: LiveKit's protocol (protobuf, 1.1.29), its documentation of webhooks, and its server, which shows when a room
counts as empty and that a job's times are nanoseconds. `createdAt` is in seconds, what ends in `Ms` in milliseconds.
"""

from __future__ import annotations

from stream_app.core.events import CallEnded
from stream_app.core.wire import Json
from stream_app.providers import livekit_egress, livekit_session, times
from stream_app.providers.adapter import Delivery, Normalised, Refused
from stream_app.providers.livekit_call import Call, of_webhook, trunk_name, word
from stream_app.providers.reading import fold, identifier, integer, mapping, take, text

KINDS = {0: "STANDARD", 1: "INGRESS", 2: "EGRESS", 3: "SIP", 4: "AGENT", 7: "CONNECTOR", 8: "BRIDGE"}
CALLERS = ("SIP", "CONNECTOR")
"""Kinds of participants that are a telephone call: by a trunk, or by a connector to Twilio or WhatsApp."""
REASONS = dict(enumerate((
    "UNKNOWN_REASON", "CLIENT_INITIATED", "DUPLICATE_IDENTITY", "SERVER_SHUTDOWN", "PARTICIPANT_REMOVED",
    "ROOM_DELETED", "STATE_MISMATCH", "JOIN_FAILURE", "MIGRATION", "SIGNAL_CLOSE", "ROOM_CLOSED", "USER_UNAVAILABLE",
    "USER_REJECTED", "SIP_TRUNK_FAILURE", "CONNECTION_TIMEOUT", "MEDIA_FAILURE", "AGENT_ERROR",
)))  # fmt: skip
GOES_ON = ("MIGRATION", "DUPLICATE_IDENTITY")
"""Reasons for which a participant leaves one server, or one connection, for another."""
ROOM_REASONS = dict(enumerate((
    "ROOM_END_UNKNOWN", "ROOM_END_API_DELETE", "ROOM_END_IDLE_TIMEOUT", "ROOM_END_SERVER_SHUTDOWN",
    "ROOM_END_SUPERSEDED", "ROOM_END_OPEN_FAILED",
)))  # fmt: skip
IDLE = (None, "ROOM_END_UNKNOWN", "ROOM_END_IDLE_TIMEOUT")
SAY_NAMES_ONLY = frozenset({
    "roomstarted", "participantjoined", "trackpublished", "trackunpublished", "ingressstarted", "ingressupdated",
    "ingressended", "agentjobstarted", "agentjobended",
})  # fmt: skip
"""An agent's job may end before the call does: it crashes and is started again, or hands the caller to a person."""


def normalize(delivery: Delivery) -> Normalised:
    """Which of LiveKit's payloads is it?"""
    document = delivery.document
    if not isinstance(document, dict):
        raise Refused("not_readable", "not a JSON object")
    stated = text(document, "event", limit=64)
    if stated is None:
        if livekit_session.holds(document):
            return livekit_session.normalize(delivery, document)
        raise Refused("unknown_shape", "neither a webhook with its event nor a session report")
    kind, call = fold(stated), of_webhook(delivery, document)
    at = times.seconds(take(document, "createdAt"))
    if kind.startswith("egress"):
        if kind not in ("egressstarted", "egressupdated", "egressended"):
            raise Refused("unknown_shape", "event is none of LiveKit's")
        return livekit_egress.normalize(call, mapping(take(document, "egressInfo")), at, ended=kind == "egressended")
    if kind == "roomfinished":
        return _room(call, document, at)
    if kind in ("participantleft", "participantconnectionaborted"):
        return _left(call, document, at, aborted=kind != "participantleft")
    if kind not in SAY_NAMES_ONLY:
        raise Refused("unknown_shape", "event is none of LiveKit's")
    linked = call.linked(kind, at, f"{kind} is no evidence, and names the call only once")
    return Normalised((*linked.events, *trunk_name(call, document, at)))


def _left(call: Call, document: Json, at: int | None, *, aborted: bool) -> Normalised:
    """The caller's leaving is the call's end; the agent, a supervisor and a recorder come and go."""
    participant = mapping(take(document, "participant"))
    kind = word(take(participant, "kind"), KINDS)
    trunk = trunk_name(call, mapping(document), at)
    # Servers from before there were kinds name SIP participants by their attributes only.
    if not (kind in CALLERS or (kind in (None, "STANDARD") and "sipCallId" in call.aliases)):
        return call.linked("left", at, "a participant left who is not the caller")
    reason = word(take(participant, "disconnectReason"), REASONS)
    if reason in GOES_ON:
        linked = call.linked("left", at, "the caller goes on over another connection")
        return Normalised((*linked.events, *trunk))
    joined = times.millis(take(participant, "joinedAtMs")) or times.seconds(take(participant, "joinedAt"))
    # Of two ends at one moment the one with the larger ID speaks: `sip` knows the caller's reason, `room` does not.
    fact = f"ended:sip:{identifier(participant, 'sid') or 'caller'}" + (":aborted" if aborted else "")
    return Normalised((_ended(call, fact, at, None if aborted else joined, reason), *trunk))


def _room(call: Call, document: Json, at: int | None) -> Normalised:
    """A room's end. It comes late: an idle room waits for its last participant to come back before it is closed.

    So where idleness closed it, or nobody says what did, the call ended that long before, and never before it began.
    The caller's own leaving, told in a webhook of its own, is then no earlier, and speaks for the call.
    """
    room = mapping(take(document, "room"))
    reason = word(take(document, "roomEndReason"), ROOM_REASONS)
    began = times.millis(take(room, "creationTimeMs")) or times.seconds(take(room, "creationTime"))
    waited = integer(room, "departureTimeout") or 0
    if at is not None and reason in IDLE:
        at = max(at - waited * 1000, began or 0)
        at = at if at >= times.NEVER_BEFORE_MS else None
    return Normalised((_ended(call, "ended:room", at, began, reason),))


def _ended(call: Call, fact: str, at: int | None, began: int | None, reason: str | None) -> CallEnded:
    ended = call.delivery.received_ms if at is None else at
    # Ends are told in whole seconds, so that a very short call may seem to begin after its end.
    began = began if began is not None and began <= ended else None
    known = reason not in (None, "UNKNOWN_REASON", "ROOM_END_UNKNOWN")
    return call.tell(
        CallEnded,
        fact,
        at_ms=at,
        ended_at=ended,
        started_at=began,
        duration_ms=None if began is None or at is None else ended - began,
        disconnect_reason=reason if known else None,
        agent_version=call.agent_version,
    )
