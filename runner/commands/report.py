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
    as_json: Annotated[bool, typer.Option("--json", help="Print the written files as JSON.")] = False,
) -> None:
    """Rebuild tables, figures and report.md of a sweep; runs nothing. Prints the files it wrote."""
    from mmrun.runner.report.observations import stale_runs
    from mmrun.runner.report.report import ReportError, rebuild_report, write_report

    try:
        if config is None:
            files = rebuild_report(directory)
        else:
            from mmrun.runner.plan.plan import make_plan

            files = write_report(directory, make_plan(config, directory))
    except ReportError as error:
        typer.echo(f"mmrun report: {error}", err=True)
        raise typer.Exit(2) from None
    print(json.dumps({"files": [str(path) for path in files]}, indent=1) if as_json else "\n".join(map(str, files)))
    if count := stale_runs(directory):
        typer.echo(f"{count} runs are stale, not in tables and figures; mmrun sweep computes them again", err=True)
        raise typer.Exit(1)
