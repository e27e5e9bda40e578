"""`mmrun sense CONFIG`: which parameters a metric, or a ratio of two cells, hangs on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrun.runner.commands.sweep import Executor, replicate, warn

if TYPE_CHECKING:
    from mmrun.runner.execute.execute import Options
    from mmrun.runner.plan.plan import Plan
    from mmrun.runner.sense.design import Design


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file, with a `sense:` block.")],
    out: Annotated[Path | None, typer.Option(help="Result directory (default: results/<experiment>-sense).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Cells at once (default: every CPU).")] = None,
    address: Annotated[
        str | None, typer.Option(help="host:port of a Ray cluster (default: RAY_ADDRESS, else a private Ray).")
    ] = None,
    executor: Annotated[Executor, typer.Option(help="ray, or local: in this process, one at a time.")] = Executor.ray,
) -> None:
    """Screen the parameters of the experiment's `sense:` block (Morris), then share out the variance (Sobol).

    Finished cells are kept: the same command goes on after an interruption. A design with a cell that failed gives no
    indices. Prints the table, also in sense.md and sense.csv.
    """
    from mmrun.runner.execute.execute import Options
    from mmrun.runner.execute.ray_address import address_of
    from mmrun.runner.sense.analysis import Incomplete, analyse
    from mmrun.runner.sense.design import read_design
    from mmrun.runner.sense.page import page, sheet
    from mmrun.runner.store.store import write_changed

    options = Options(executor=executor.value, workers=workers, address=address_of(address))
    design = read_design(config)
    try:
        found = analyse(design, lambda: run(design, out, options))
    except Incomplete as error:
        warn(f"{design.experiment.name}: {error}")
        for line in error.lines:
            warn(line)
        raise typer.Exit(1) from None
    where, text = design.plan(out).out, page(design, found)
    write_changed(where / "sense.md", text.encode())
    write_changed(where / "sense.csv", sheet(design, found).encode())
    print(text, end="")


def run(design: "Design", out: Path | None, options: "Options") -> "Plan":
    """Run what the plan of the points so far lacks."""
    from mmrun.runner.commands.announce import announce

    plan = design.plan(out)
    announce(item.cell for item in plan.cells)
    replicate(plan, options)
    return plan
