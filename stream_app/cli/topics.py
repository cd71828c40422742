"""The only place for `stream-app topics`: create what is missing, compare what is there, activate the policy."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.runtime.admin import TopicState


@click.group()
def topics() -> None:
    """Topics are created by this command and never by a worker or the broker."""


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def apply(as_json: bool) -> None:
    """Create missing topics, compare the others, and activate the policy of the settings.

    Never changes a topic that exists: drift is shown and exits 1, and the policy is not activated. Needs the right to
    create topics; workers do not.
    """
    from stream_app import app
    from stream_app.runtime import admin, policies

    settings = Settings()
    policy = app.policy_of(settings)
    states = asyncio.run(admin.apply(settings))
    if any(state.problems for state in states):
        note = f"policy {policy.version}: not activated; mend the topics first"
    else:
        changed = asyncio.run(policies.activate(settings, policy))
        note = f"policy {policy.version}: activated in {changed} of {settings.internal_partitions} partitions"
    _show(states, as_json, note)


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(as_json: bool) -> None:
    """Compare every topic with what it should be. Exit 1 when one is missing or has drifted."""
    from stream_app.runtime import admin

    _show(asyncio.run(admin.check(Settings())), as_json, None)


def _show(states: Sequence[TopicState], as_json: bool, note: str | None) -> None:
    wrong = [state for state in states if state.problems]
    if as_json:
        rows = [
            {
                "name": one.name,
                "role": one.role,
                "partitions": one.partitions,
                "state": one.state,
                "problems": one.problems,
            }
            for one in states
        ]
        click.echo(json.dumps({"topics": rows, "note": note}, indent=1))
    else:
        for one in states:
            problems = f" ({'; '.join(one.problems)})" if one.problems else ""
            click.echo(f"{one.state:<8} {one.name} ({one.role}, {one.partitions} partitions){problems}")
        if note:
            click.echo(note)
    sys.exit(1 if wrong else 0)
