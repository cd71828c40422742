"""The only place that says which pages under docs/ are generated, and writes them.

`python -m tools.docs` writes them, `--check` names the stale ones, checks the requirements map, and exits 1.
"""

from __future__ import annotations

import argparse

from stream_app.telemetry import catalogue_markdown
from tools.fresh import run
from tools.reference import cli_page, settings_page, topics_page
from tools.requirements import page, problems
from tools.requirements_map import ROWS

COMMAND = "make docs"


def files() -> dict[str, str]:
    """Path below the checkout -> text, for every generated page."""
    pages: dict[str, str | None] = {
        "docs/requirements.md": page(ROWS),
        "docs/metrics.md": catalogue_markdown(),
        "docs/generated/topics.md": topics_page(),
        "docs/generated/settings.md": settings_page(),
        "docs/generated/cli.md": cli_page(),
    }
    return {path: text for path, text in pages.items() if text is not None}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0, or 1 where a page is stale or the requirements map names what is not there."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    options = parser.parse_args(arguments)
    wrong = problems(ROWS)
    for sentence in wrong:
        print(f"tools/requirements_map.py: {sentence}")
    code = run(files(), check=options.check, pattern="docs/generated/*.md", command=COMMAND)
    return 1 if wrong else code


if __name__ == "__main__":
    raise SystemExit(main())
