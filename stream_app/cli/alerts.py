"""The only place for the `alerts` commands: look at join alerts, or forward them to a webhook."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import get_args

import click
from pydantic import ValidationError

from stream_app.core.instants import format_instant
from stream_app.core.orders import AlertKind, JoinAlert
from stream_app.core.wire import WireError, read_json, write_json
from stream_app.pipeline.ports import Incoming
from stream_app.runtime.client import Start, read_topic
from stream_app.runtime.subscription import Subscription
from stream_app.settings import Settings
from stream_app.sinks.webhook import Shape, Webhook, WebhookMisconfigured, WebhookRefused, WebhookUnavailable
from stream_app.telemetry.catalogue import AlertState
from stream_app.topics import JOIN_ALERTS

GROUP = "alerts-forward"


@click.group()
def alerts() -> None:
    """Join alerts: what is stuck, timed out, orphaned or contradictory, and what became of it."""


@alerts.command()
@click.option("--from-beginning", is_flag=True, help="Everything the topic still holds, instead of the last ones.")
@click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many of the last ones.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes, until Ctrl-C.")
@click.option("--kind", type=click.Choice(get_args(AlertKind)), help="Only alerts of this kind.")
@click.option("--state", type=click.Choice(get_args(AlertState)), help="Only those that fire, or that are resolved.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, as it stands on the topic.")
def tail(from_beginning: bool, count: int, follow: bool, kind: str | None, state: str | None, as_json: bool) -> None:
    """Print join alerts, the oldest first.

    Exit codes: 0 printed, or there was none (said on stderr) · 3 Kafka or the topic is not there · 130 interrupted.
    """
    # With a filter the last n of each partition may hold none that fits: everything is looked through.
    start: Start = "beginning" if from_beginning or kind or state else count

    def wanted(alert: JoinAlert) -> bool:
        return kind in (None, alert.kind) and state in (None, alert.state)

    async def run() -> int:
        found: list[tuple[int, str]] = []
        async for record in read_topic(Settings(), JOIN_ALERTS.name, start=start, follow=follow):
            alert = read_alert(record)
            if alert is None or not wanted(alert):
                continue
            line = write_json(read_json(record.value or b"")).decode() if as_json else describe(alert)
            if follow:
                click.echo(line)
            else:
                found.append((record.timestamp_ms, line))
        found.sort(key=lambda one: one[0])  # Partitions came one after the other.
        for _, line in found if from_beginning else found[-count:]:
            click.echo(line)
        return len(found)

    try:
        found = asyncio.run(run())
    except KeyboardInterrupt:
        sys.exit(130)
    if found == 0:
        click.echo("No such alert on join-alerts.", err=True)


@alerts.command()
@click.option(
    "--to",
    "url",
    required=True,
    envvar="STREAM_APP_ALERTS_TO",
    show_envvar=True,
    help="Where to: Alertmanager's base URL, or Slack's incoming webhook (secret: better in the variable).",
)
@click.option("--shape", type=click.Choice(get_args(Shape)), required=True, help="What the receiver understands.")
@click.option("--once", is_flag=True, help="Forward what is there now, then end.")
@click.option("--new-only", is_flag=True, help="On the very first start, pass over alerts from before.")
@click.option("--runbook-base", default="", help="Put before the runbook's path, to make it a link.")
@click.option(
    "--give-up-after",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to try again while the receiver is away.",
)
@click.option("--timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, metavar="SECONDS")
def forward(
    url: str, shape: Shape, once: bool, new_only: bool, runbook_base: str, give_up_after: float, timeout: float
) -> None:
    """Forward join alerts to a webhook, at least once, in order; several may run and share the work.

    Where it stands is kept in Kafka, so it goes on after a restart where it was. A bearer token for the receiver is
    read from STREAM_APP_ALERTS_TOKEN.

    Exit codes: 0 done, or stopped by SIGTERM · 1 the receiver refused single alerts as malformed (with --once) ·
    2 usage · 3 Kafka, the topic or the receiver is away · 4 the receiver says that address or token are wrong
    · 130 interrupted.
    """
    try:
        webhook = Webhook(
            url,
            shape,
            token=os.environ.get("STREAM_APP_ALERTS_TOKEN"),
            runbook_base=runbook_base,
            timeout_s=timeout,
            give_up_after_s=give_up_after,
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from None
    subscription = Subscription(Settings(), JOIN_ALERTS.name, name=GROUP, start="end" if new_only else "beginning")
    try:
        forwarded, refused = asyncio.run(_until_stopped(subscription, webhook, follow=not once))
    except WebhookMisconfigured as error:
        click.echo(f"{error}. Nothing was skipped: correct it and start again.", err=True)
        sys.exit(4)
    except WebhookUnavailable as error:
        click.echo(f"{error}. Nothing was skipped: start again when it is back.", err=True)
        sys.exit(3)
    except KeyboardInterrupt:
        click.echo("Interrupted. The next start goes on where this one stood.", err=True)
        sys.exit(130)
    click.echo(f"Forwarded {forwarded} alerts" + (f"; {refused} were refused" if refused else "") + ".", err=True)
    sys.exit(1 if refused and once else 0)


async def _until_stopped(subscription: Subscription, webhook: Webhook, *, follow: bool) -> tuple[int, int]:
    """Forward until the end, or until SIGTERM; (forwarded, refused)."""
    counts = [0, 0]
    task = asyncio.ensure_future(_forward(subscription, webhook, counts, follow=follow))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled() or asyncio.current_task().cancelling():  # type: ignore[union-attr]
            task.cancel()
            raise
    return counts[0], counts[1]


async def _forward(subscription: Subscription, webhook: Webhook, counts: list[int], *, follow: bool) -> None:
    async with webhook, subscription:
        async for record in subscription.records(follow=follow):
            alert = read_alert(record)
            if alert is not None:
                try:
                    await webhook.deliver(alert)
                    counts[0] += 1
                except WebhookRefused as error:
                    click.echo(f"{_where(record)}: {error}; passed over", err=True)
                    counts[1] += 1
            await subscription.done(record)


def read_alert(record: Incoming) -> JoinAlert | None:
    """The alert in a record; None, said on stderr, for what is none: it must not stop those behind it."""
    try:
        return JoinAlert.from_dict(read_json(record.value or b""))
    except (WireError, ValidationError):
        click.echo(f"{_where(record)}: not a join alert; passed over", err=True)
        return None


def describe(alert: JoinAlert) -> str:
    """One line for a person."""
    parts = [format_instant(alert.raised_at), f"{alert.state:8}", f"{alert.kind:17}", alert.canonical_call_id or "-"]
    if alert.missing:
        parts.append("waits for " + ", ".join(f"{gap.kind} from {gap.expected_from}" for gap in alert.missing))
    if alert.deadline_at is not None and alert.state == "firing":
        parts.append(f"until {format_instant(alert.deadline_at)}")
    return "  ".join([*parts, alert.runbook_url if alert.state == "firing" else ""]).rstrip()


def _where(record: Incoming) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
