"""The only place for `stream-app gates`: what each gate rejects, and whether it still does."""

from __future__ import annotations

import json
import sys

import click


@click.group()
def gates() -> None:
    """The eight gates that a packet passes before it leaves."""


@gates.command()
@click.option("--json", "as_json", is_flag=True, help="Print every vector and what its gate said, as JSON.")
def selftest(as_json: bool) -> None:
    """Try every gate on packets that it must pass, warn of, and reject.

    Exit codes: 0 every gate does · 1 one does not, or has nothing that it must reject · 2 wrong usage.
    """
    from stream_app.core.gates.selftest import gates_digest, try_gates, untried

    tried, left = try_gates(), untried()
    bad = [one for one in tried if not one.held]
    if as_json:
        rows = [
            {
                "gate": one.vector.gate,
                "expected": one.vector.verdict,
                "told": one.vector.told,
                "verdict": one.result.verdict,
                "reasons": list(one.result.reasons),
                "held": one.held,
            }
            for one in tried
        ]
        document = {"ok": not bad and not left, "digest": gates_digest(), "vectors": rows, "untried": list(left)}
        click.echo(json.dumps(document, indent=1))
    else:
        for name in dict.fromkeys(one.vector.gate for one in tried):
            mine = [one for one in tried if one.vector.gate == name]
            rejects = sum(one.vector.verdict == "block" for one in mine)
            held = sum(one.held for one in mine)
            click.echo(
                f"{'ok' if held == len(mine) else 'FAILED':<7}{name:<14} {held} of {len(mine)}, rejects {rejects}"
            )
        for one in bad:
            click.echo(f"{one.vector.gate}: {one.result.verdict} {one.result.reasons} on {one.vector}", err=True)
        for line in left:
            click.echo(line, err=True)
        click.echo(gates_digest())
    sys.exit(1 if bad or left else 0)


@gates.command()
@click.option("--json", "as_json", is_flag=True, help="Print the rules as JSON.")
def rules(as_json: bool) -> None:
    """Print what each gate blocks and warns of."""
    from stream_app.core.gates import MODULES

    if as_json:
        click.echo(json.dumps({name: list(module.RULES) for name, module in MODULES}, indent=1))
        return
    for name, module in MODULES:
        click.echo(name)
        for rule in module.RULES:
            click.echo(f"  {rule}")
