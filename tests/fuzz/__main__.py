"""`python -m tests.fuzz`: bends payloads of every provider until the time is up, guided by coverage where atheris is.

Exit codes: 0 no defect, 1 a defect (its payload is kept and named), 2 wrong usage. With `--control` a planted bug must
be found: 0 it was, 1 it was not.
"""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import click

from stream_app.providers.registry import PROVIDERS
from tests.fuzz.target import CONTROL, Defect, bent, check, seeds, target

ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.01), help="For all together.")
@click.option("--provider", "names", multiple=True, type=click.Choice([one.name for one in PROVIDERS]))
@click.option("--seed", default=7, show_default=True)
@click.option("--plain", is_flag=True, help="Without coverage: seeded changes of the fixtures alone.")
@click.option("--control", is_flag=True, help="A planted bug, which must be found.")
@click.option("--dir", "directory", default=ROOT / ".dev" / "fuzz-corpus", type=click.Path(path_type=Path),
              help="Where payloads are kept that led somewhere new.")  # fmt: skip
def main(minutes: float, names: tuple[str, ...], seed: int, plain: bool, control: bool, directory: Path) -> None:
    """Bend payloads of every provider (or of those named) until the time is up."""
    chosen = (CONTROL.name,) if control else names or tuple(one.name for one in PROVIDERS)
    guided = not plain and importlib.util.find_spec("atheris") is not None
    seconds = minutes * 60 / len(chosen)
    click.echo(f"{'coverage-guided' if guided else 'seeded'}, {seconds:.0f} s each: {', '.join(chosen)}", err=True)
    found = []
    for name in chosen:
        problem = (_guided if guided else _plain)(name, seconds, seed, directory)
        click.echo(f"{name}: {problem or 'no defect'}")
        if problem:
            found.append(name)
    if control:
        sys.exit(0 if found else 1)
    sys.exit(1 if found else 0)


def _plain(name: str, seconds: float, seed: int, directory: Path) -> str | None:
    provider, known, chance = target(name), seeds(name), random.Random(seed)
    until, tried = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = bent(chance.choice(known), chance.randrange(1 << 30))
        tried += 1
        try:
            check(provider, data)
        except Defect as error:
            return f"{error}; payload: {_kept(directory / name, data)}"
    click.echo(f"{name}: {tried} payloads", err=True)
    return None


def _guided(name: str, seconds: float, seed: int, directory: Path) -> str | None:
    corpus, crashes = directory / name, directory / f"{name}-defects"
    for one in (corpus, crashes):
        one.mkdir(parents=True, exist_ok=True)
    for data in seeds(name):
        _kept(corpus, data)
    command = [
        sys.executable, "-m", "tests.fuzz.guided", name, f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}",
        f"-artifact_prefix={crashes}/", "-max_len=65536", "-timeout=20", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = [line for line in run.stderr.splitlines() if "number_of_executed_units" in line or "cov:" in line]
    click.echo(f"{name}: {last[-2].strip() if len(last) > 1 else ''} {last[-1].strip() if last else ''}", err=True)
    if run.returncode == 0:
        return None
    written = (run.stdout + run.stderr).splitlines()
    said = next((line for line in written if "Defect" in line or "failed on it" in line), "it ended badly")
    return f"{said.strip()}; payloads: {crashes}"


def _kept(directory: Path, data: bytes) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
