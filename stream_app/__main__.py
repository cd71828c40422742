"""The command line's front door: which commands there are, and how errors of the surroundings reach a person."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click
from pydantic import ValidationError

from stream_app import __version__

EXIT_UNEXPECTED = 70
"""A defect of ours, or something nobody thought of (`EX_SOFTWARE`): never 1, which is an answer."""
LOG_LEVEL = "STREAM_APP_LOG_LEVEL"

COMMANDS: tuple[tuple[str, str, str, str], ...] = (
    ("demo", "stream_app.cli.demo", "demo", "Replay conversations through the whole line and check what comes out."),
    (
        "demo-providers",
        "stream_app.cli.demo_providers",
        "demo_providers",
        "Send calls as several providers see them, and get one packet for each.",
    ),
    ("dev", "stream_app.cli.dev", "dev", "Start, look at and stop the embedded Kafka broker and S3 server."),
    ("topics", "stream_app.cli.topics", "topics", "Create and check topics; activate the policy."),
    ("worker", "stream_app.cli.worker", "worker", "Run stages of the line until stopped."),
    ("health", "stream_app.cli.health", "health", "Ask a running worker whether its stages get on."),
    ("stage", "stream_app.cli.worker", "stage", "Run one stage in this process, without a supervisor."),
    ("packets", "stream_app.cli.packets", "packets", "Look at packets as they come."),
    ("packet", "stream_app.cli.packet", "packet", "Work with one packet: open its artifacts."),
    ("report", "stream_app.cli.report", "report", "Count a week of packets: no calls, no small groups."),
    ("why", "stream_app.cli.why", "why", "Say what is known of one call, by any of its names."),
    ("joins", "stream_app.cli.joins", "joins", "List calls that wait for evidence, and whose job it is."),
    ("select", "stream_app.cli.select", "select", "Say of each reason to review a call why it holds, or why not."),
    ("alerts", "stream_app.cli.alerts", "alerts", "Look at join alerts, or forward them to a webhook."),
    ("review", "stream_app.cli.review", "review", "Review packets: list, take, decide, promote to a test."),
    ("verify", "stream_app.cli.verify", "verify", "Check a manifest or packet against its stored bytes."),
    ("ledger", "stream_app.cli.ledger", "ledger", "Take out the ledger of what was sealed, and where it has come to."),
    (
        "keys",
        "stream_app.cli.keys",
        "keys",
        "Keys that sign manifests, and keys of private values.",
    ),
    ("audit", "stream_app.cli.audit", "audit", "Account for every input position."),
    ("dead-letters", "stream_app.cli.dead_letters", "dead_letters", "What could not be used: list, show, send again."),
    (
        "partitions",
        "stream_app.cli.partitions",
        "partitions",
        "Look at paused input partitions; pause them and let them go on.",
    ),
    ("policy", "stream_app.cli.policy", "policy", "Check and show policy files."),
    ("gateway", "stream_app.cli.gateway", "gateway", "Take providers' webhooks until stopped."),
    ("gates", "stream_app.cli.gates", "gates", "Try the gates on packets that they must reject."),
    ("iam-policies", "stream_app.cli.iam_policies", "iam_policies", "Print what each role may do in object storage."),
    ("doctor", "stream_app.cli.doctor", "doctor", "Try out store, Kafka, settings and gates before use."),
    (
        "check-signature",
        "stream_app.cli.check_signature",
        "check_signature",
        "Say whether a webhook is authentic, and if not, why.",
    ),
    (
        "normalize",
        "stream_app.cli.normalize",
        "normalize_command",
        "Show which events a provider's payloads come to.",
    ),
    ("redact", "stream_app.cli.redact", "redact", "Show a transcript as it would leave, every personal value masked."),
    ("convert", "stream_app.cli.convert", "convert", "Turn conversations (JSON Lines) into the events of production."),
)
"""(name, module, attribute, one line of help); modules are imported only when their command is used."""


class Commands(click.Group):
    """A group that imports a command's module when it is called, so that `--help` is quick."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return [name for name, *_ in COMMANDS]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        for known, module, attribute, _ in COMMANDS:
            if known == name:
                command: click.Command = getattr(importlib.import_module(module), attribute)
                return command
        return None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, _, _, line in COMMANDS])


def _debug(_context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ[LOG_LEVEL] = "DEBUG"  # Also for the processes that a command starts.


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stream-app")
@click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_debug,
    help=f"Log everything, and show where an unexpected error came from; the same as {LOG_LEVEL}=DEBUG.",
)
def cli() -> None:
    """Call Evidence Stream: joins what a voice-agent call leaves in many systems into one verifiable packet."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 ok, 1 negative answer, 2 usage, 3 surroundings, 70 an unexpected error, 130 interrupted.
    """
    try:
        sys.exit(cli(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except ValidationError as error:
        # Only Settings are validated outside a stage: say which variable is wrong, not a traceback.
        for problem in error.errors():
            name = "STREAM_APP_" + "".join(str(part) for part in problem["loc"][:1]).upper()  # [1:]: inside its value.
            click.echo(f"{name}: {problem['msg']}", err=True)
        sys.exit(2)
    except Exception as error:
        _of_the_surroundings(error)
        if os.environ.get(LOG_LEVEL, "").upper() == "DEBUG":
            traceback.print_exc()
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
        click.echo(
            f"unexpected {said}; this is a defect: `stream-app --debug ...` shows where it came from, please report it",
            err=True,
        )
        sys.exit(EXIT_UNEXPECTED)


def _of_the_surroundings(error: Exception) -> None:
    """Say what is no defect, and exit. The rooms it comes from are imported here: not by every command's start."""
    from stream_app.engines.concealing import MasterKeyError, RingError
    from stream_app.engines.signing import SigningKeyError
    from stream_app.pipeline.ports import StoreError
    from stream_app.policy_file import PolicyFileError
    from stream_app.runtime.admin import TopicCreationFailed
    from stream_app.runtime.client import KafkaUnavailable, TopicAbsent
    from stream_app.telemetry.export import TelemetryError

    if isinstance(error, PolicyFileError):
        # The policy of the settings: commands that are given a file explain it themselves.
        click.echo(f"{error}\nSTREAM_APP_POLICY_FILE names this policy file", err=True)
        sys.exit(2)
    if isinstance(error, SigningKeyError | MasterKeyError | RingError):
        click.echo(str(error), err=True)
        sys.exit(2)
    if isinstance(error, KafkaUnavailable | TopicAbsent | TopicCreationFailed | StoreError | TelemetryError):
        click.echo(str(error), err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
