"""`mmrun plan CONFIG`: what a sweep would do, why, and what it costs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mmrun.runner.terminal import one_line


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Result directory (default: results/<experiment>).")] = None,
    why: Annotated[bool, typer.Option("--why", help="List every cell that is not done, with the reason.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what `mmrun sweep` would do: new, done, stale and failed cells, memory and cost."""
    from mmrun.runner.plan.estimate import estimate
    from mmrun.runner.plan.idle_settings import warnings
    from mmrun.runner.plan.plan import make_plan

    plan = make_plan(config, out)
    found = estimate(plan, warn=lambda message: typer.echo(message, err=True))
    for each in warnings(plan.experiment, [(each.axes, each.cell) for each in plan.cells]):
        typer.echo(f"warning: {each}", err=True)
    if as_json:
        print(json.dumps(found.as_json(), indent=1))
        return
    print("\n".join(one_line(line, 10_000) for line in found.lines(why)))
