"""The command: what it refuses, and that its registries hold together."""

from __future__ import annotations

import re

from click.testing import CliRunner

from bench.__main__ import main
from bench.figures import FIGURES
from bench.sides import SIDES
from bench.targets import TARGETS


def test_help_names_every_figure_and_side() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=400)
    assert shown.exit_code == 0
    for name in (*(figure.name for figure in FIGURES), *(side.name for side in SIDES)):
        assert name in shown.output


def test_unknown_names_are_a_mistake_of_usage() -> None:
    assert CliRunner().invoke(main, ["--only", "nothing"]).exit_code == 2
    refused = CliRunner().invoke(main, ["--sides", "ours,flink"])
    assert refused.exit_code == 2
    assert "flink" in refused.output


def test_every_figure_names_sizes_that_are_options() -> None:
    options = {parameter.name for parameter in main.params}
    named = {re.sub(r"([A-Z])", r"_\1", size).lower() for figure in FIGURES for size in figure.sizes}
    assert named <= options
    assert {"runs", "calls", "open_calls", "many_calls", "seconds", "lone_calls", "seed"} <= named


def test_names_are_unique_and_every_ratio_has_its_side() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    assert len({side.name for side in SIDES}) == len(SIDES)
    ratios = {target.key.removeprefix("join.") for target in TARGETS if target.key.startswith("join.")} - {"rate"}
    assert ratios == {side.name for side in SIDES} - {"ours", "faust"}
