"""Every error of the stack has an exit code of its own, and says where to look."""

from __future__ import annotations

from pathlib import Path

from stream_app.dev import errors


def test_exit_codes_are_distinct_and_mean_environment_trouble() -> None:
    kinds = [errors.StackError, *errors.StackError.__subclasses__()]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(3 <= code < 126 for code in codes)


def test_a_part_that_died_names_its_log_and_quotes_it() -> None:
    error = errors.PartDiedError("kafka", "ended", Path("x.log"), ["one", "two"])
    assert str(error) == "kafka ended. Last lines of x.log:\n    one\n    two"
    assert "(the log is empty)" in str(errors.PartDiedError("s3", "ended", Path("x.log"), []))
