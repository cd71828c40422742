"""The only place that drives `demo-providers`: gateway and line as processes, payloads in, one packet a call out.

Steps: 1 topics and processes, 2 every payload as its provider sends it, 3 wait for the packets, 4 hold them against
what is known of the calls, with their manifests and the account of every input.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from stream_app import policy_file
from stream_app.demo.manifests import verify_all
from stream_app.demo.processes import Process, Progress
from stream_app.demo.provider_calls import ProviderCall, Sent
from stream_app.demo.run import Environment, settings_of
from stream_app.demo.signing import SIGNERS, body_of, signer_of
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime import admin, policies
from stream_app.runtime.audit import Accounting, accounting
from stream_app.runtime.client import Publisher, read_topic
from stream_app.settings import STAGES, Settings
from stream_app.topics import DEAD_LETTERS, PACKETS, PACKETS_RESTRICTED, PROVIDER_RECORDS

SPEED = 50.0
"""Deadlines pass so much sooner than in production."""
SLACK_S = 45.0
QUIET_S = 2.0
"""Without a new packet for so long, everything that was to come has come. Longer than a later version's settling."""
STAGING_KEY = "ZGVtby1vbmx5LWtleS1vZi0zMi1ieXRlcy1sb25nLi4="
_SECRET = "demo:demo-secret"


async def run(calls: Sequence[ProviderCall], where: Environment, *, keep: bool, progress: Progress) -> dict[str, Any]:
    """Carry it out; returns the figures, with `differences` empty when every call has its one packet."""
    # 1. Topics and processes.
    policy = policy_file.default_policy().scaled(SPEED)
    where.directory.mkdir(parents=True, exist_ok=True)
    policy_path = where.directory / "policy.yaml"
    policy_path.write_text(policy_file.dump(policy))
    variables = where.worker | {
        "STREAM_APP_STAGING_KEY": STAGING_KEY, "STREAM_APP_GATEWAY_PORT": "0",
        "STREAM_APP_SOURCE_BUCKETS": '["provider-drop", "staging"]',
    }  # fmt: skip
    variables |= {f"STREAM_APP_WEBHOOK_SECRETS_{name.upper()}": _SECRET for name, _ in SIGNERS}
    settings = settings_of(variables, where.prefix, policy_path, where.directory / "state")
    await admin.apply(settings)
    await policies.activate(settings, policy)
    line = Process.start(("worker", "--stages", ",".join(STAGES)), settings, variables, where.directory)
    gateway = Process.start(("gateway",), settings, variables, where.directory)
    left_running = False
    try:
        await gateway.said(["gateway http"], "starting the gateway", progress)
        await line.said([f"ready {stage}" for stage in STAGES], "starting the worker", progress)
        url = next(text.split()[1] for text in gateway.log.read_text().splitlines() if text.startswith("gateway http"))
        # 2. Every payload.
        answers = await _send_all(calls, settings, url, progress)
        # 3. The packets.
        packets = await _packets(calls, settings, policy.timing.deadline / 1000 + SLACK_S, progress)
        # 4. What came of it.
        account = await accounting(settings)
        verified, broken = await verify_all(settings, packets, policy, progress)
        letters = [json.loads(one.value or b"{}") async for one in read_topic(settings, DEAD_LETTERS.name)]
        left = [*answers, *differences(calls, packets), *_unaccounted(account), *broken]
        left += [f"a dead letter: {one['reason']} at {one['position']}" for one in letters]
        left_running = keep
        return {
            "calls": len(calls),
            "payloads": sum(len(call.sent) for call in calls),
            "packets": [_shown(packet) for packet in packets],
            "manifestsVerified": verified,
            "differences": left,
            "pids": [line.pid, gateway.pid] if keep else [],
        }
    finally:
        if not left_running:
            gateway.stop()
            line.stop()


async def _send_all(calls: Sequence[ProviderCall], settings: Settings, url: str, progress: Progress) -> list[str]:
    """2. In the order in which they came; what was not taken, in words."""
    total, sent, refused = sum(len(call.sent) for call in calls), 0, []
    async with Publisher(settings) as publisher, aiohttp.ClientSession() as client:
        for call in calls:
            for number, one in enumerate(call.sent, start=1):
                if number == len(call.sent):
                    await asyncio.sleep(1.0)  # What comes last, comes after the rest was read.
                if one.via == "webhook":
                    status, answer = await _post(client, url, one)
                    if status != 200:
                        refused.append(f"{call.name}: {one.provider} was answered {status} {answer}")
                else:
                    header = (("provider", one.provider.encode()),)
                    body = json.dumps(one.document).encode()
                    await publisher.send_all([Outgoing(PROVIDER_RECORDS.name, None, body, header)])
                sent += 1
                progress("sending payloads", sent, total)
    return refused


async def _post(client: aiohttp.ClientSession, url: str, one: Sent) -> tuple[int, str]:
    address = f"{url}/webhooks/{one.provider}"
    body = body_of(one.provider, one.document)
    headers = signer_of(one.provider).headers(_SECRET, address, body)
    async with client.post(address, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def _packets(
    calls: Sequence[ProviderCall], settings: Settings, patience_s: float, progress: Progress
) -> list[dict[str, Any]]:
    """3. Every packet there is, once each call has one and no more come; of a blocked one its restricted body."""
    until, changed, known = time.monotonic() + patience_s, time.monotonic(), 0
    while True:
        found = [json.loads(one.value or b"{}") async for one in read_topic(settings, PACKETS.name)]
        if len(found) != known:
            known, changed = len(found), time.monotonic()
        named = {packet["canonicalCallId"] for packet in found} & {call.call_id for call in calls}
        progress("waiting for packets", len(named), len(calls))
        quiet = len(named) == len(calls) and time.monotonic() - changed > QUIET_S
        if quiet or time.monotonic() > until:
            bodies = [json.loads(one.value or b"{}") async for one in read_topic(settings, PACKETS_RESTRICTED.name)]
            whole = {body["packetId"]: body for body in bodies}
            return [whole.get(packet["packetId"], packet) for packet in found]
        await asyncio.sleep(0.5)


def differences(calls: Sequence[ProviderCall], packets: Sequence[dict[str, Any]]) -> list[str]:
    """What is not as it should be: packets of no call, not one of a call, and ones that say something else of it."""
    left = []
    by_call: dict[str, list[dict[str, Any]]] = {}
    for packet in packets:
        by_call.setdefault(packet["canonicalCallId"], []).append(packet)
    for call in calls:
        mine = by_call.pop(call.call_id, [])
        versions = sorted(packet["version"] for packet in mine)
        if versions != list(range(1, len(mine) + 1)) or not mine or (call.status is not None and len(mine) > 1):
            left.append(f"{call.name}: versions {versions} of its packet, expected one")
        if mine:  # A stranger's payloads may come so far apart that a later version takes the first one's place.
            last = max(mine, key=lambda packet: packet["version"])
            left += [f"{call.name}: {problem}" for problem in _problems(call, last)]
    left += [f"a packet of {call}, which nobody made" for call in by_call]
    return left


def _problems(call: ProviderCall, packet: dict[str, Any]) -> list[str]:
    found = []
    if call.status is not None and packet["status"] != call.status:
        gates = [f"{gate['gate']}: {gate['reasons']}" for gate in packet["gates"] if gate["verdict"] == "block"]
        gaps = [f"{gap['kind']} ({gap['reason']}: {gap['detail']})" for gap in packet["missing"]]
        found.append(f"status {packet['status']}, expected {call.status}; missing: {gaps}; blocked by: {gates}")
    found += [
        f"alias {scheme}:{value} is not in it"
        for scheme, value in call.aliases.items()
        if packet["providerAliases"].get(scheme) != value
    ]
    tools = packet["toolEvidence"]
    failed = [tool for tool in tools if tool["status"] != "succeeded"]
    if (len(tools), len(failed)) != (call.tools, call.failed_tools):
        found.append(f"{len(tools)} tool calls, {len(failed)} failed; expected {call.tools} and {call.failed_tools}")
    return found


def _unaccounted(account: Accounting) -> list[str]:
    found = [f"{position}: not accounted for" for position in account.unaccounted]
    return found + [f"{position}: accounted for twice" for position in account.twice]


def _shown(packet: dict[str, Any]) -> dict[str, Any]:
    names = ("packetId", "status", "selectionReason", "providerAliases", "agentVersion", "manifestHash")
    missing = [gap["kind"] for gap in packet["missing"]]
    return {name: packet[name] for name in names} | {"missing": missing, "tools": len(packet["toolEvidence"])}
