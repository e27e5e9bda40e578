"""`mmrun check CONFIG`: validate an experiment; every error at once."""

import json
from pathlib import Path
from typing import Annotated

import typer


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print errors as JSON, for editors.")] = False,
) -> None:
    """Validate an experiment: every error at once, as file:line:column, with what to write instead.

    Settings that change nothing in any cell are warnings: they are told and stop nothing.
    """
    from mmrun.runner.config.problems import ConfigErrors
    from mmrun.runner.plan.idle_settings import warnings
    from mmrun.runner.plan.plan import check

    try:
        found = check(config)
        if "sense" in found.experiment.tree.items:
            from mmrun.runner.sense.design import design_of

            design_of(found)
    except ConfigErrors as errors:
        if not as_json:
            raise
        wrong = [{**_plain(error), "file": str(error.file)} for error in errors.errors]
        print(json.dumps({"ok": False, "errors": wrong}, indent=1))
        raise typer.Exit(2) from None
    odd = warnings(found.experiment, found.rows)
    cells, name = sum(count for *_, count in found.counted()), found.experiment.name
    if as_json:
        told = [{**_plain(each), "file": str(each.file)} for each in odd]
        answer = {"ok": True, "name": name, "cells": cells, "errors": [], "warnings": told}
        print(json.dumps(answer, indent=1))
        return
    for each in odd:
        typer.echo(f"warning: {each}", err=True)
    axes = found.rows[0][0] if found.rows else {}
    rows = len({tuple(map(str, labels.values())) for labels, _ in found.rows})
    names = f" over {', '.join(axes)}" if axes else ""
    print(f"{name}: ok, {rows} rows{names}, {cells} cells with replicates")


def _plain(error: object) -> dict[str, object]:
    return {name: getattr(error, name) for name in ("file", "line", "column", "message", "fix")}
