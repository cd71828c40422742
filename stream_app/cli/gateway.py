"""The only place for `stream-app gateway`: the process that takes providers' webhooks."""

from __future__ import annotations

import asyncio
import signal
import sys

import click

from stream_app.settings import Settings


@click.command()
def gateway() -> None:
    """Take webhooks at /webhooks/PROVIDER (or /webhooks/PROVIDER/NAME) until stopped (Ctrl-C or SIGTERM).

    Prints `gateway <URL>` when it listens. Answers 2xx only to what is in Kafka, and staged where it brought content;
    /livez and /readyz answer whether it lives, and whether broker, store and secrets are there. Needs the providers'
    secrets (STREAM_APP_WEBHOOK_SECRETS_*) and, for content that comes inline, STREAM_APP_STAGING_KEY.

    Exit codes: 0 stopped · 2 wrong settings · 3 the port cannot be had.
    """
    from stream_app import app, telemetry
    from stream_app.engines.encryption import KeyFormatError
    from stream_app.gateway.secrets import SecretsError
    from stream_app.gateway.server import GatewayPortError

    settings = Settings()
    recording = telemetry.start(settings, "gateway")

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with (
            app.gateway(settings, recording.recorder) as made,
            made.serve(settings.gateway_host, settings.gateway_port) as url,
        ):
            recording.recorder.stage_up("gateway", up=True)
            click.echo(f"gateway {url}")
            if recording.metrics_url:
                click.echo(f"metrics {recording.metrics_url}")
            await stop.wait()

    try:
        asyncio.run(main())
    except GatewayPortError as error:
        click.echo(str(error), err=True)
        sys.exit(3)
    except (SecretsError, KeyFormatError, OSError) as error:
        raise click.UsageError(str(error)) from None
    finally:
        recording.shutdown()
