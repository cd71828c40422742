"""The only place for `stream-app doctor`: tries out store, Kafka, settings and gates before use."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.sinks.preflight import Check

_MARKS = {True: "ok", False: "FAILED", None: "--"}


@click.command()
@click.option("--only", type=click.Choice(["settings", "gates", "store", "kafka"]), multiple=True,
              help="Only this part; may be repeated.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
def doctor(only: tuple[str, ...], as_json: bool) -> None:
    """Try out whether this deployment can be trusted: settings, gates, object store, Kafka.

    The store is raced by twenty writers, and must refuse to overwrite; a store that fails is not to be used. Writes and
    removes a few keys below `_stream-app-preflight/`, and one record on the probe topic.

    Exit codes: 0 all is well · 1 something must be mended first · 2 wrong usage or settings · 3 nothing answers.
    """
    settings = Settings()
    parts = only or ("settings", "gates", "store", "kafka")
    found = asyncio.run(_all(settings, parts))
    failed = [check for _, check in found if check.failed]
    if as_json:
        rows = [
            {"part": part, "check": one.name, "ok": one.ok, "must": one.must, "detail": one.detail}
            for part, one in found
        ]
        click.echo(json.dumps({"ok": not failed, "checks": rows}, indent=1))
    else:
        for part, one in found:
            click.echo(f"{_MARKS[one.ok]:<7}{part:<9}{one.name}: {one.detail}")
        if failed:
            click.echo(f"{len(failed)} checks failed: do not start workers before they are mended", err=True)
    silent = [one for one in failed if "Unavailable" in one.detail]
    sys.exit(0 if not failed else 3 if len(silent) == len(failed) else 1)


async def _all(settings: Settings, parts: tuple[str, ...]) -> list[tuple[str, Check]]:
    found: list[tuple[str, Check]] = []
    if "settings" in parts:
        found += [("settings", one) for one in settings_checks(settings)]
    if "gates" in parts:
        found += [("gates", one) for one in gate_checks()]
    if "store" in parts:
        found += [("store", one) for one in await _store_checks(settings)]
    if "kafka" in parts:
        found += [("kafka", one) for one in await _kafka_checks(settings)]
    return found


def settings_checks(settings: Settings) -> list[Check]:
    """What single settings cannot know of each other."""
    from stream_app import app
    from stream_app.policy_file import PolicyFileError
    from stream_app.sinks.preflight import Check

    apart = settings.packet_bucket.partition("/")[0] not in settings.source_buckets
    try:
        policy = app.policy_of(settings)
        read = Check("policy", True, f"{policy.version} · sha256 {policy.sha256[:12]}")
    except PolicyFileError as error:
        read = Check("policy", False, f"{len(error.mistakes)} mistakes: `stream-app policy check` explains them")
    staged = settings.staging_key is not None or settings.staging_key_file is not None
    apart_told = "packets and sources lie apart"
    mixed_told = "the packet bucket is a source bucket: what was sealed could be fetched as evidence"
    replicas_told = f"{settings.replication_factor} replicas, {settings.min_insync_replicas} in sync"
    staged_told = "set" if staged else "none: what comes inline cannot be staged"
    return [
        read,
        Check("buckets apart", apart, apart_told if apart else mixed_told),
        Check("replicas", settings.min_insync_replicas <= settings.replication_factor, replicas_told),
        Check("staging key", True if staged else None, staged_told, must=False),
        _master_key(settings),
    ]


def _master_key(settings: Settings) -> Check:
    from stream_app import app
    from stream_app.engines.concealing import MasterKeyError
    from stream_app.sinks.preflight import Check

    try:
        master = app.master_keys(settings)
    except MasterKeyError as error:
        return Check("master key", False, str(error))
    if master is None:
        return Check("master key", None, "none: private values end at intake, dead letters are in the open", must=False)
    return Check("master key", True, f"wraps with {master.current}")


def gate_checks() -> list[Check]:
    """The gates on their vectors."""
    from stream_app.core.gates.selftest import gates_digest, try_gates, untried
    from stream_app.sinks.preflight import Check

    tried = try_gates()
    bad = [one.vector.gate for one in tried if not one.held] + list(untried())
    detail = f"{len(tried)} vectors hold · {gates_digest()[:19]}" if not bad else f"fail: {', '.join(sorted(set(bad)))}"
    return [Check("selftest", not bad, detail)]


async def _store_checks(settings: Settings) -> list[Check]:
    from stream_app import app
    from stream_app.sinks.preflight import check_key_bucket, check_store

    async with app.object_store(settings) as store:
        found = list(await check_store(store, settings.packet_bucket))
        if any(row.export_level == "raw_restricted" for row in app.policy_of(settings).reasons):
            found += await check_store(store, settings.raw_bucket)
        if settings.master_key is not None or settings.master_key_file is not None:
            found.append(await check_key_bucket(store, settings.key_bucket))
        return found


async def _kafka_checks(settings: Settings) -> list[Check]:
    from stream_app.runtime import admin, client, probe
    from stream_app.sinks.preflight import Check

    try:
        took = await probe.round_trip(settings.kafka_bootstrap, replication_factor=settings.replication_factor)
    except Exception as error:  # Whatever the client says, the broker does not do its part.
        told = " ".join(str(error).split())[:200]
        return [Check("broker answers", False, f"Unavailable: {type(error).__name__} {told}")]
    found = [Check("broker answers", True, f"a record there and back in {took:.0f} ms")]
    try:
        states = await admin.check(settings)
    except client.KafkaUnavailable as error:
        return [*found, Check("topics", False, f"Unavailable: {error}")]
    wrong = [one.name for one in states if one.problems]
    detail = f"{len(states)} as they should be" if not wrong else f"{len(wrong)} are not: `stream-app topics check`"
    return [*found, Check("topics", not wrong, detail)]
