"""The only place for `stream-app worker` (several stages under a supervisor) and `stream-app stage` (one, here)."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from stream_app.settings import FURTHER_STAGES, STAGES, Settings, StageName

_EXTRA_GRACE_S = 7.0


def _stages(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[StageName, ...]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    known = (*STAGES, *FURTHER_STAGES)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise click.BadParameter(f"unknown stage {', '.join(unknown) or '(none)'}; there are {', '.join(known)}")
    return tuple(stage for stage in known if stage in names)


@click.command()
@click.option(
    "--stages",
    default=",".join(STAGES),
    show_default=True,
    callback=_stages,
    help="Which stages to run here, comma-separated; each is its own process and consumer group; `review` if named.",
)
def worker(stages: tuple[StageName, ...]) -> None:
    """Run stages of the line until stopped (Ctrl-C or SIGTERM). Prints `ready <stage>` for each.

    Also prints `health <URL>`: there it answers /livez and /readyz (see STREAM_APP_HEALTH_PORT), and what `stream-app
    why` and `stream-app joins list` ask.
    """
    from stream_app import app
    from stream_app.runtime import announced, health_server
    from stream_app.runtime.supervisor import Supervisor

    settings = Settings()
    token = _token(settings)
    app.policy_of(settings)  # A mistake in it is said once here, not by every stage again and again.
    _check_topics(settings)

    async def main() -> int:
        supervisor = Supervisor(
            stages,
            lambda stage: (sys.executable, "-m", "stream_app", "stage", stage),
            grace_s=settings.drain_s + _EXTRA_GRACE_S,
            say=lambda line: print(line, flush=True),
            give_up_after=5,
            kill_after_s=settings.watchdog_s,
        )
        async with app.call_api(settings, supervisor.lines, token) as api:
            serving = health_server.serve(
                supervisor.watches,
                lambda: supervisor.stopping,
                settings.health_host,
                settings.health_port,
                api.routes(),
            )
            async with serving as url:
                print(f"health {url}", flush=True)
                with announced.announce(settings, announced.Announced(announced.reached_at(url), api.own)):
                    return await supervisor.run()

    try:
        sys.exit(asyncio.run(main()))
    except health_server.HealthPortError as error:
        click.echo(str(error), err=True)
        sys.exit(3)


@click.command()
@click.argument("name", type=click.Choice((*STAGES, *FURTHER_STAGES)))
def stage(name: StageName) -> None:
    """Run one stage in this process, without a supervisor: for debugging, and for orchestrators that restart."""
    with _loading():
        from stream_app import app, telemetry
        from stream_app.runtime.worker import run_stage

    settings = Settings()
    recording = telemetry.start(settings, name)
    store = app.object_store(settings) if name == "seal" else None
    try:
        sys.exit(run_stage(settings, app.binding_of(name, settings, recording), recording.recorder, store))
    finally:
        recording.shutdown()


@contextmanager
def _loading() -> Iterator[None]:
    """Modules make much and drop nothing: no collection looks through it meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _token(settings: Settings) -> str | None:
    try:
        return settings.read_api_token()
    except (OSError, ValueError) as error:
        click.echo(f"{error} (the token of a worker's /v1)", err=True)
        sys.exit(2)


def _check_topics(settings: Settings) -> None:
    """A worker never creates topics; one that is missing or has drifted is said once, here, with the way out."""
    from stream_app.runtime import admin
    from stream_app.runtime.client import KafkaUnavailable

    try:
        states = asyncio.run(admin.check(settings))
    except KafkaUnavailable as error:
        click.echo(str(error), err=True)
        sys.exit(3)
    wrong = [state for state in states if state.problems]
    if wrong:
        for state in wrong:
            click.echo(f"{state.name}: {'; '.join(state.problems)}", err=True)
        click.echo("run `stream-app topics apply` to create what is missing", err=True)
        sys.exit(3)
