"""The only place for `stream-app select explain`: each reason to review a call, and why it holds or does not."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from stream_app.cli.why import known_of

_WORDS = {"above": ">", "atLeast": ">=", "below": "<", "atMost": "<=", "is": "is", "in": "in", "present": "is there"}


@click.group()
def select() -> None:
    """Why calls are selected for review."""


@select.command()
@click.argument("name")
@click.option("--url", help="A worker's address, as it printed it. Default: of the settings, or found on this machine.")
@click.option("--offline", is_flag=True, help="Ask no worker: read the changelogs from Kafka, which takes longer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def explain(name: str, url: str | None, offline: bool, as_json: bool) -> None:
    """Say of each reason whether it holds of a call, and what decided it. NAME is its canonical ID or any alias.

    Of facts only numbers, flags and words of closed lists are shown. A sample shows where the call's draw lies beside
    the rate of its stratum: below it the call is in.

    Exit 0 when the call is selected, 1 when nothing is known of the name, 3 when nobody answers, 4 when it is not.
    """
    found = known_of(name, url, offline=offline)
    reasons = found.get("selection")
    if reasons is None:
        click.echo(f"{name}: {found['verdict']}", err=True)
        sys.exit(1)
    if as_json:
        keys = ("canonicalCallId", "policy", "verdict")
        click.echo(json.dumps({**{key: found[key] for key in keys}, "selection": reasons}, indent=1))
    else:
        click.echo(f"call {found['canonicalCallId']}, policy {found['policy']}: {found['verdict']}")
        for one in reasons:
            click.echo("\n".join(lines_of(one)))
    sys.exit(0 if any(one["holds"] for one in reasons) else 4)


def lines_of(one: dict[str, Any]) -> list[str]:
    """One reason in words."""
    head = "chosen" if one["chosen"] else "holds" if one["holds"] else "no"
    lines = [f"{head:<8}{one['reason']} ({one['priority']}, {one['owner']})"]
    if one["askedForBy"]:
        lines.append(f"          yes  asked for by {', '.join(one['askedForBy'])}")
    for test in one["tests"]:
        operand = "" if test["operator"] == "present" else f" {_operand(test['operand'])}"
        known = "not known" if not test["known"] else "known" if test["value"] is None else _operand(test["value"])
        mark = "yes" if test["holds"] else "no"
        lines.append(f"          {mark:<5}{test['fact']} {_WORDS[test['operator']]}{operand}: {known}")
    sample = one["sample"]
    if sample is not None and not sample["inPopulation"]:
        lines.append("          no   sample: no call-ended yet, so the call is in no stratum")
    elif sample is not None:
        mark = "yes" if sample["draw"] < sample["rate"] else "no"
        stratum = ", ".join(f"{field} {value or 'not said'}" for field, value in sample["stratum"].items())
        lines.append(
            f"          {mark:<5}sample of {stratum or 'all calls'}: drew {sample['draw']:.6f}, rate {sample['rate']:g}"
        )
    if len(one["tests"]) > 1:
        lines.append(f"               ({one['joinedBy']} of these)")
    return lines


def _operand(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
