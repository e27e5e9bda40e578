"""`mmrun status DIR`: where a sweep stands, from its directory alone."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrun.runner.terminal import one_line


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Result directory of a sweep.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show where a sweep stands: cells done, failed and missing, time spent, and whether it is running."""
    from mmrun.runner.store.store import Store

    store = Store(directory, lambda message: typer.echo(message, err=True))
    manifest = store.manifest()
    if manifest is None:
        typer.echo(f"mmrun status: {directory}: no sweep has run here (no manifest.json)", err=True)
        raise typer.Exit(2)
    found = standing(store, manifest)
    print(json.dumps(found, indent=1) if as_json else "\n".join(one_line(line, 10_000) for line in lines(found)))
    if found["failed"]:
        raise typer.Exit(1)


def standing(store: Any, manifest: dict[str, Any]) -> dict[str, Any]:
    """Counts over the cells the manifest plans, as JSON data."""
    from mmrun.runner.store.shelf import Shelf

    planned = {cell["key"]: cell for cell in manifest["cells"]}
    shelf = Shelf(store, planned)
    records = [shelf.kept[key] for key in planned if key in shelf.kept]
    failures = [{**planned[kept.key], "error": kept.error} for kept in records if kept.status == "failed"]
    return {
        "name": manifest["name"],
        "out": str(store.out),
        "cells": len(planned),
        "ok": len(records) - len(failures),
        "failed": len(failures),
        "missing": len(planned) - len(records),
        "of_other_model": sum(record.model != manifest["fingerprint"] for record in records),
        "core_seconds": sum(record.cpu_seconds for record in records),
        "last_finished": max((record.finished for record in records), default=None),
        "running": store.holder(),
        "failures": failures,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The standing in words."""
    import time

    text = [f"{found['name']}: {found['ok']} of {found['cells']} cells done, {found['failed']} failed, "
            f"{found['missing']} missing ({found['out']})"]  # fmt: skip
    if found["of_other_model"]:
        text.append(f"  {found['of_other_model']} were computed by other model code than the last sweep's")
    text.append(f"  {found['core_seconds']:.0f} core seconds spent")
    if found["last_finished"]:
        text.append(f"  last result {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(found['last_finished']))}")
    text.append(f"  running: {found['running'] or 'no'}")
    for failure in found["failures"]:
        axes = " ".join(f"{name}={label}" for name, label in failure["axes"].items())
        text.append(f"  failed {failure['key']} {axes} replicate={failure['replicate']}: {failure['error']}")
    return text
