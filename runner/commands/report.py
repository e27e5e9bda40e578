"""`mmrun report DIR`: rebuild tables, figures and the report page from stored results."""

import json
from pathlib import Path
from typing import Annotated

import typer


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Result directory of a sweep.")],
    config: Annotated[
        Path | None, typer.Option(help="Take the report block from this experiment file instead of the manifest.")
    ] = None,
    mmtests: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write results there as mmtests' compare tools read them.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="--mmtests: metrics; those of the tables unless told.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the written files as JSON.")] = False,
) -> None:
    """Rebuild tables, figures and report.md of a sweep; runs nothing. Prints the files it wrote."""
    from mmrun.runner.report.observations import stale_runs
    from mmrun.runner.report.report import ReportError, export_mmtests, rebuild_report, write_report

    try:
        plan = None
        if config is not None:
            from mmrun.runner.plan.plan import make_plan

            plan = make_plan(config, directory)
        refuse_others(directory, {cell.key for cell in plan.cells} if plan else set())
        if mmtests is not None:
            files = [mmtests / name for name in export_mmtests(directory, metric or [], mmtests)]
        else:
            files = rebuild_report(directory) if plan is None else write_report(directory, plan)
    except ReportError as error:
        typer.echo(f"mmrun report: {error}", err=True)
        raise typer.Exit(2) from None
    print(json.dumps({"files": [str(path) for path in files]}, indent=1) if as_json else "\n".join(map(str, files)))
    if count := stale_runs(directory):
        typer.echo(f"{count} runs are stale, not in tables and figures; mmrun sweep computes them again", err=True)
        raise typer.Exit(1)


def refuse_others(directory: Path, keys: set[str]) -> None:
    """ReportError where the tables are not of what was swept last, or not of the cells with these `keys`."""
    from mmrun.runner.report.report import ReportError
    from mmrun.runner.store.merge import unfinished
    from mmrun.runner.store.store import Store

    manifest = Store(directory).manifest()
    if manifest is None or not (directory / "runs.parquet").is_file():
        return  # said by whoever reads them
    if unfinished(directory, manifest):
        raise ReportError(f"{directory}: the last sweep did not end, its tables are of an earlier one; sweep again")
    if keys - {cell["key"] for cell in manifest.get("cells", ())}:
        raise ReportError(f"{directory}: the results are of another configuration than this file's; sweep it first")
