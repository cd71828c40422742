"""The only place for what can go wrong with the embedded stack, each with one message that says what to do next."""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """The environment is in the way: the message is for a person. The command line exits with `exit_code`."""

    exit_code = 3


class StackBusyError(StackError):
    """Another `dev up` or `dev down` holds the lock of this directory."""

    exit_code = 4


class PortTakenError(StackError):
    """A port that was asked for by option is used by another program."""

    exit_code = 5


class DiskFullError(StackError):
    """Less free space than the stack needs."""

    exit_code = 6


class DownloadError(StackError):
    """Jars could not be fetched, or are not the ones the lock file names."""

    exit_code = 7


class PartDiedError(StackError):
    """A part ended, or never answered. Carries the part's name, its log and the log's last lines."""

    exit_code = 8

    def __init__(self, part: str, why: str, log: Path, last_lines: list[str]) -> None:
        quoted = "\n".join(f"    {line}" for line in last_lines) or "    (the log is empty)"
        super().__init__(f"{part} {why}. Last lines of {log}:\n{quoted}")
        self.part = part
        self.log = log
        self.last_lines = last_lines
