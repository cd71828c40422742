"""The only place that judges what leaves beside the packets: orders, alerts, dead letters, restricted bodies."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.chaos.report import Report
from tests.chaos.world import World, place

CALL = re.compile(r"c\d+-\d{6}")


def judge(world: World, packets: list[dict[str, Any]], report: Report) -> None:
    """Each at most once, none that nobody caused, all that had to come."""
    _judge_orders(world, packets, report)
    _judge_restricted(world, packets, report)
    _judge_alerts(world, packets, report)
    _judge_dead_letters(world, report)


def _judge_orders(world: World, packets: list[dict[str, Any]], report: Report) -> None:
    orders = Counter(str(order.get("orderId")) for order in world.documents("seal-orders"))
    for order, count in orders.items():
        if count > 1:
            report.add("duplicated", f"order {order} stands {count} times on seal-orders")
    known = {str(packet.get("packetId")) for packet in packets}
    for packet in sorted(known - set(orders)):
        report.add("unmarked packets", f"packet {packet} was never ordered")
    for order in sorted(set(orders) - known):
        report.add("lost", f"order {order} has no packet")


def _judge_restricted(world: World, packets: list[dict[str, Any]], report: Report) -> None:
    blocked = {str(packet.get("packetId")) for packet in packets if packet.get("status") == "blocked"}
    bodies = Counter(str(one.get("packetId")) for one in world.documents("packets-restricted"))
    for packet in sorted(blocked - set(bodies)):
        report.add("lost", f"blocked packet {packet} has no body on packets-restricted")
    for packet, count in bodies.items():
        if count > 1:
            report.add("duplicated", f"packet {packet} stands {count} times on packets-restricted")
        if packet not in blocked:
            report.add("wrong content", f"packet {packet} stands on packets-restricted and is not blocked")


def _judge_alerts(world: World, packets: list[dict[str, Any]], report: Report) -> None:
    seen = Counter((str(alert.get("alertId")), str(alert.get("state"))) for alert in world.documents("join-alerts"))
    for (alert, state), count in seen.items():
        if count > 1:
            report.add("duplicated", f"alert {alert} is {state} {count} times")
        if state == "resolved" and (alert, "firing") not in seen:
            report.add("wrong content", f"alert {alert} was resolved and never fired")
    strays = {f"{alias}/orphan/1" for alias in world.plan.strays}
    for alert in sorted(strays | set(world.plan.claims) | set(world.plan.vague)):
        if (alert, "firing") not in seen:
            report.add("lost", f"alert {alert} never fired")
    for alert, settled in world.plan.claims.items():
        if settled and (alert, "resolved") not in seen:
            report.add("lost", f"alert {alert} was never resolved: an operator has decided")
        if not settled and (alert, "resolved") in seen:
            report.add("wrong content", f"alert {alert} was resolved, and nobody has decided")
    hasty = 0
    for alert, state in seen:
        if state != "firing" or _excused(world, alert):
            continue
        if "/identity_conflict/" in alert and alert not in world.plan.claims:
            report.add("wrong content", f"alert {alert}: nobody claimed that")
        if "/orphan/" in alert and alert not in strays:
            if (alert, "resolved") not in seen:
                report.add("wrong content", f"alert {alert}: its call came in time")
            else:
                hasty += 1
    if hasty:
        report.notes.append(f"{hasty} orphan alerts for calls that came in time, each resolved later")
    early = {str(one.get("canonicalCallId")) for one in packets if one.get("completedBy") == "deadline"}
    for call in sorted(early):
        if (f"{call}/timed_out/1", "firing") not in seen:
            report.add("lost", f"{call} left at its deadline without a timed_out alert")


def _excused(world: World, alert: str) -> bool:
    """Whether the alert is about a call whose events the broker itself got too late."""
    # The ID of a call that nobody named holds the story's own name for it.
    return set(CALL.findall(alert)) & {name for call in world.delayed for name in CALL.findall(call)} != set()


def _judge_dead_letters(world: World, report: Report) -> None:
    wanted = {one.position: one.send.refusal for one in world.sent if one.send.refusal is not None}
    seen: Counter[tuple[Any, ...]] = Counter()
    for letter in world.documents("dead-letters"):
        where = place(letter["position"])
        found = (letter["stage"], letter["reason"])
        seen[(where, *found)] += 1
        if wanted.get(where) != found:
            report.add("wrong content", f"dead letter {found} for {where}, which was to be {wanted.get(where)}")
    for (where, stage, reason), count in seen.items():
        if count > 1 and stage != "intake":  # A stage without a table may repeat its output after a fault.
            report.add("duplicated", f"dead letter {stage}/{reason} for {where} came {count} times")
    answered = {key[0] for key in seen}
    for where, refusal in wanted.items():
        if where not in answered:
            report.add("unaccounted inputs", f"{where} was to be refused as {refusal}, and has no dead letter")
