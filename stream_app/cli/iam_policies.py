"""The only place for `stream-app iam-policies`: prints what each role may do in object storage, as IAM policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from stream_app.core.access import ROLES, Places, Role, iam_policy, within
from stream_app.settings import Settings


@click.command("iam-policies")
@click.option("--role", type=click.Choice(get_args(Role)), help="Only this role's policy, bare.")
@click.option("--raw-bucket", metavar="BUCKET[/PREFIX]",
              help="Where what is raw lies, if not as set: never the packet bucket itself.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write <role>.json files there.")
def iam_policies(role: str | None, raw_bucket: str | None, out: Path | None) -> None:
    """Print the IAM policies of all roles, for the buckets of the settings.

    Exit codes: 0 printed or written · 2 wrong usage or settings.
    """
    settings = Settings()
    raw_bucket = raw_bucket or settings.raw_bucket
    if within(raw_bucket, settings.packet_bucket) or within(settings.packet_bucket, raw_bucket):
        raise click.UsageError(f"{raw_bucket} lies in the packet bucket: reviewers could read it; use another one")
    places = Places(
        settings.packet_bucket, raw_bucket, settings.staging_bucket, settings.source_buckets, settings.key_bucket
    )
    made: dict[str, dict[str, Any]] = {name: iam_policy(name, places) for name, _, _ in ROLES}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name in [role] if role else made:
            (out / f"{name}.json").write_text(json.dumps(made[name], indent=2) + "\n")
            click.echo(str(out / f"{name}.json"))
        return
    click.echo(json.dumps(made[role] if role else made, indent=2))
