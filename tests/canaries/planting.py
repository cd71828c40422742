"""The only place that says where canaries are planted: everything that comes in, call by call.

Each portion of values goes into one call's story; the kinds of stories take turns. What is planted in a transcript is
either said to intake as well (a tool's argument, a known value) or of a form that the rules alone find.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from stream_app.core.wire import write_json
from stream_app.pipeline.ports import Outgoing
from tests import stories
from tests.canaries.values import Canary
from tests.providers.trying import Trying

PORTION = 8
"""One value of each personal kind."""
_SAID = {
    "phone": "You can call me back at {}.", "email": "My email is {}.", "ssn": "My social is {}.",
    "card": "The card number is {}.", "name": "My name is {}.", "address": "I live at {}.",
    "born": "My date of birth is {}.", "account": "The account number is {}.",
}  # fmt: skip


@dataclass
class Planted:
    """All that is sent, and what must come of it."""

    records: list[Outgoing] = field(default_factory=list)
    transcripts: dict[str, bytes] = field(default_factory=dict)
    webhooks: list[tuple[str, dict[str, Any], bool]] = field(default_factory=list)
    """(provider, payload, whether its signature is good)."""
    calls: list[str] = field(default_factory=list)
    """Calls that end in a packet."""
    letters: int = 0
    """Records that end as dead letters."""


def plant(values: Sequence[Canary], hidden: Sequence[Canary], seed: int) -> Planted:
    """Stories of all kinds, in turn, until every value (and every secret) stands in one of them."""
    random, planted = Random(f"plant/{seed}"), Planted()
    portions = [values[at : at + PORTION] for at in range(0, len(values), PORTION)]
    secrets = [list(hidden[at : at + PORTION]) for at in range(0, len(hidden), PORTION)]
    for number in range(max(len(portions), len(secrets) * len(_STORIES))):
        portion = [*portions[number % len(portions)], *(secrets[number % len(secrets)] if secrets else ())]
        _STORIES[number % len(_STORIES)](planted, f"canary-{number}", portion, random)
    return planted


def _payload(portion: Sequence[Canary]) -> dict[str, Any]:
    return {f"{one.key}{place}" if place else one.key: one.text for place, one in _numbered(portion)}


def _numbered(portion: Sequence[Canary]) -> list[tuple[int, Canary]]:
    seen: dict[str, int] = {}
    numbered = []
    for one in portion:
        numbered.append((seen.get(one.key, 0), one))
        seen[one.key] = seen.get(one.key, 0) + 1
    return numbered


def _prose(portion: Sequence[Canary]) -> str:
    return f"they said {', '.join(one.text for one in portion)}"[:500]


def _transcript(portion: Sequence[Canary], extra: str = "") -> bytes:
    turns = [
        ("agent", "Thank you for calling Silverline Water, how can I help?"),
        ("user", f"I have a question. {extra}"),
    ]
    for one in portion:
        if one.kind.startswith("secret/"):
            turns.append(("user", f"The api key is {one.text}"))
        if one.kind in _SAID:
            turns += [("user", _SAID[one.kind].format(one.text)), ("agent", f"So that is {one.text}, correct?")]
    return json.dumps(
        {"turns": [{"speaker": who, "text": text, "startMs": 3000 * at} for at, (who, text) in enumerate(turns)]}
    ).encode()


def _whole(planted: Planted, call: str, transcript: bytes, state: str, **ended: Any) -> None:
    """A call with a reason and everything that it requires."""
    uri = f"s3://provider-drop/canaries/{call}.json"
    planted.transcripts[uri] = transcript
    reference = {"uri": uri, "mediaType": "application/json", "redactionState": state}
    documents = [
        stories.call_ended(
            f"{call}-ended",
            call=call,
            transcript=reference,
            recording=None,
            channels=0,
            **{"expectedToolCalls": 1, **ended},
        ),
        stories.evaluation(f"{call}-judged", call=call, failed=True),
        stories.trace(f"{call}-traced", call=call, traceId=call.encode().hex()[:32].ljust(32, "0")),
    ]
    planted.records += [_record(one) for one in documents]
    planted.calls.append(call)


def _record(document: dict[str, Any], key: bytes | None = None) -> Outgoing:
    return Outgoing(document["type"], key or document["eventId"].encode(), write_json(document))


def _tool(call: str, portion: Sequence[Canary]) -> dict[str, Any]:
    return stories.tool(
        f"{call}-tool", call=call, status="failed", arguments=_payload(portion),
        result={"customer": _payload(portion), "notes": [_prose(portion)]}, error=f"refused: {_prose(portion)}",
    )  # fmt: skip


def _in_tools(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    _whole(planted, call, _transcript(portion), "unredacted")
    planted.records.append(_record(_tool(call, portion)))


def _known(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    known = [one.text for one in portion]
    _whole(planted, call, _transcript(portion), "unredacted", knownValues=known, expectedToolCalls=0)


def _said_alone(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    """Nobody says that these are personal; and the report that selects the call tells them again."""
    found = [one for one in portion if one.kind not in ("born", "account")]
    _whole(planted, call, _transcript(found), "unredacted", expectedToolCalls=0)
    planted.records.append(
        _record(stories.event("call-reported", f"{call}-report", call=call, symptom=_prose(portion)))
    )
    planted.records.append(
        _record(
            stories.event("selection-requested", f"{call}-asked", call=call, trigger="manual", note=_prose(portion))
        )
    )


def _leaking(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    """A provider says that it redacted, and did not: blocked."""
    _whole(planted, call, _transcript(portion), "redacted")
    planted.records.append(_record(_tool(call, portion)))


def _refused(planted: Planted, call: str, portion: Sequence[Canary], random: Random) -> None:
    """Records that nobody can use, each in another way."""
    event = _tool(call, portion)
    whole = write_json(event)
    bad: list[tuple[str, bytes]] = [
        ("tool-call", whole[: len(whole) - random.randint(1, 40)]),
        ("tool-call", write_json({**event, "schemaVersion": 99})),
        ("tool-call", write_json({**event, "status": _prose(portion)})),
        ("tool-call", write_json({name: value for name, value in event.items() if name != "canonicalCallId"})),
        ("call-ended", whole),
        ("call-ended", write_json(_payload(portion))),
        ("tool-call", b"[" + whole + b"]"),
        ("tool-call", whole.replace(b'"status"', b'"status":"failed","status"', 1)),
        ("provider-records", write_json({"unheard": _payload(portion)})),
        ("call-reported", write_json({**event, "type": _prose(portion)})),
    ]
    headers = (("caller", portion[0].text.encode()),)
    planted.records += [Outgoing(topic, portion[0].text.encode(), body, headers) for topic, body in bad]
    planted.letters += len(bad)


def _by_provider(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    """A provider's own report, by its topic, and by webhook with a good and a bad signature."""
    text = json.dumps(Trying("vapi").own("end-of-call-report"))
    number = int(call.rpartition("-")[2])
    text = text.replace("019fedaf-0000-7000-8000-000000000001", f"019fedaf-0000-7000-8000-{number:012x}")
    text = text.replace("call_demo_7", call).replace("CA00000000000000000000000000000b01", f"CA{number:032x}")
    phone = next((one.text for one in portion if one.kind == "phone"), "+15005550006")
    document: dict[str, Any] = json.loads(text.replace("+15005550006", phone))
    message = document["message"]
    for one in message["artifact"]["messages"]:
        if one["role"] in ("bot", "user"):
            one["message"] += " " + " ".join(
                _SAID[each.kind].format(each.text) for each in portion if each.kind in _SAID
            )
        for tool in one.get("toolCalls", ()):
            tool["function"]["arguments"] = json.dumps(_payload(portion))
        if one["role"] == "tool_call_result":
            one["result"] = json.dumps(_payload(portion))
    if number % 2:
        planted.webhooks += [("vapi", document, True), ("vapi", document, False)]
    else:
        planted.records.append(Outgoing("provider-records", b"k", write_json(document), (("provider", b"vapi"),)))


def _parked(planted: Planted, call: str, portion: Sequence[Canary], _: Random) -> None:
    """A tool call whose call nobody ever names."""
    event = _tool(call, portion)
    del event["canonicalCallId"]
    planted.records.append(_record({**event, "aliases": {"orderSystem": call}}))


Story = Callable[[Planted, str, Sequence[Canary], Random], None]
_STORIES: tuple[Story, ...] = (_in_tools, _known, _said_alone, _leaking, _refused, _by_provider, _by_provider, _parked)
