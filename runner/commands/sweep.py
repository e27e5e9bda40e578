"""`mmrun sweep CONFIG`: run every cell that has no result of it as it is now, merge, write tables and figures."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrun.runner.terminal import one_line

if TYPE_CHECKING:
    from mmrun.runner.execute.execute import Options, Result
    from mmrun.runner.plan.plan import Plan


class Executor(StrEnum):
    """Where cells run."""

    ray = "ray"
    local = "local"


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Result directory (default: results/<experiment>).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Cells at once (default: every CPU).")] = None,
    address: Annotated[
        str | None, typer.Option(help="host:port of a Ray cluster (default: RAY_ADDRESS, else a private Ray).")
    ] = None,
    executor: Annotated[Executor, typer.Option(help="ray, or local: in this process, one at a time.")] = Executor.ray,
    keep_stale: Annotated[
        bool, typer.Option("--keep-stale", help="Leave results of older code or configuration; tables say `stale`.")
    ] = False,
    keep_failed: Annotated[bool, typer.Option("--keep-failed", help="Leave cells that failed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Compute every cell again, also those that are done.")] = False,
    batch_seconds: Annotated[float, typer.Option(min=0.0, help="Work a Ray task should hold.")] = 2.0,
    max_failures: Annotated[int | None, typer.Option(min=1, help="Stop after so many failed cells.")] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop after the first: --max-failures 1.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Run every cell of an experiment that has no result of it as it is now, then write tables and figures."""
    from mmrun.runner.commands.announce import announce
    from mmrun.runner.execute.execute import Options
    from mmrun.runner.execute.ray_address import address_of
    from mmrun.runner.plan.plan import make_plan

    options = Options(
        executor=executor.value,
        workers=workers,
        address=address_of(address),
        keep_stale=keep_stale,
        keep_failed=keep_failed,
        force=force,
        batch_seconds=batch_seconds,
        max_failures=1 if fail_fast else max_failures,
    )
    plan = make_plan(config, out)
    announce(item.cell for item in plan.cells)
    plan, result = replicate(plan, options)
    report(plan, result, as_json)
    if result.counts.keys() - {"done"}:
        raise typer.Exit(1)


def replicate(plan: "Plan", options: "Options") -> "tuple[Plan, Result]":
    """Run the plan, extended as long as its intervals ask for more replicates."""
    from mmrun.runner.config.problems import EnvironmentProblem
    from mmrun.runner.execute.execute import run_sweep
    from mmrun.runner.execute.ray_address import Unreachable
    from mmrun.runner.plan.replication import extended
    from mmrun.runner.store.store import Busy, Store

    try:
        result = run_sweep(plan, plan.out, options, warn)
        while not result.stopped and (longer := extended(plan, Store(plan.out))) is not None:
            warn(f"{len(longer.cells) - len(plan.cells)} more replicates: intervals of {plan.name} are still too wide")
            plan, ran = longer, result.ran
            result = run_sweep(plan, plan.out, options, warn, before=ran)
    except (Busy, Unreachable) as error:
        raise EnvironmentProblem(str(error)) from error
    except KeyboardInterrupt:
        warn(f"stopped; finished cells are kept, the same command goes on with the rest ({plan.out})")
        raise
    return plan, result


def report(plan: "Plan", result: "Result", as_json: bool) -> None:
    """Write tables and figures; say where the sweep stands and what was written."""
    import json

    from mmrun.runner.report.renewed import renewed
    from mmrun.runner.report.report import ReportError

    try:
        files = renewed(plan.out, plan)
    except ReportError as error:
        warn(str(error))
        files = []
    if as_json:
        written = [str(path) for path in files]
        print(json.dumps({"out": str(plan.out), "ran": result.ran, "cells": result.counts, "files": written}, indent=1))
        return
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.counts.items()))
    warn(f"{plan.name}: {result.ran} cells run now; {counts}")
    for reason, count in result.stale_reasons():
        warn(f"{count} stale and kept, so not in tables and figures: {reason}; without --keep-stale they run again")
    if dead := ended_so(plan.out, "died"):
        where = f"{dead} cell{'s' * (dead > 1)}"
        warn(f"in {where} the machine died: mmrun status {plan.out} --deaths says of what")
    if killed := ended_so(plan.out, "oom"):
        where = f"{killed} cell{'s' * (killed > 1)}"
        warn(f"in {where} somebody was killed for want of memory: mmrun status {plan.out} --kills says why")
    print("\n".join(map(str, [plan.out / "runs.parquet", *files])))


def ended_so(out: Path, outcome: str) -> int:
    """Cells of the tables with this outcome."""
    from mmrun.runner.store.table_file import read_table

    table, _ = read_table(out / "runs.parquet", ["outcome"])
    return table.column("outcome").to_pylist().count(outcome) if "outcome" in table.column_names else 0


def warn(message: str) -> None:
    """A sentence to the user, on stderr."""
    typer.echo(one_line(message, 10_000), err=True)
