"""`mmrun status DIR`: where a sweep stands, from its directory alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrun.runner.terminal import one_line


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Result directory of a sweep.")],
    kills: Annotated[
        bool, typer.Option("--kills", help="Print the out-of-memory reports of its cells, as the kernel prints them.")
    ] = False,
    deaths: Annotated[
        bool, typer.Option("--deaths", help="Print of what the machines of its cells died: who waited for whom.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show where a sweep stands: cells done, failed and missing, time spent, and whether it is running."""
    from mmrun.runner.store.store import Store

    store = Store(directory, lambda message: typer.echo(message, err=True))
    manifest = store.manifest()
    if manifest is None:
        typer.echo(f"mmrun status: {directory}: no sweep has run here (no manifest.json)", err=True)
        raise typer.Exit(2)
    if kills or deaths:
        reports = [*(killed(store, manifest) if kills else ()), *(died(store, manifest) if deaths else ())]
        lines_ = [*(told(reports) if kills else ()), *(told_of_deaths(reports) if deaths else ())]
        print(json.dumps(reports, indent=1) if as_json else "\n".join(one_line(line, 10_000) for line in lines_))
        return
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


def killed(store: Any, manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells in which somebody was killed, in the order of the plan, with the reports."""
    for cell in manifest["cells"]:
        record = store.get(cell["key"], series=False)
        if record is not None and record.kills:
            yield {**cell, "kills": record.kills}


def died(store: Any, manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells whose machine died, in the order of the plan, with the sentences."""
    for cell in manifest["cells"]:
        record = store.get(cell["key"], series=False)
        if record is not None and record.death:
            yield {**cell, "death": record.death}


def name_of(cell: dict[str, Any]) -> str:
    """Key, labels and replicate of a cell of the manifest."""
    axes = " ".join(f"{name}={label}" for name, label in cell["axes"].items())
    return f"{cell['key']} {axes} replicate={cell['replicate']}"


def told(reports: list[dict[str, Any]]) -> Iterator[str]:
    """The reports of kills in words."""
    several = [cell for cell in reports if "kills" in cell]
    for cell in several:
        yield name_of(cell)
        yield from (f"  {line}" for kill in cell["kills"] for line in kill)
    if not several:
        yield "nobody was killed for want of memory in any cell that has a result"


def told_of_deaths(reports: list[dict[str, Any]]) -> Iterator[str]:
    """The reports of deaths in words, a paragraph each."""
    several = [cell for cell in reports if "death" in cell]
    for cell in several:
        yield name_of(cell)
        yield f"  {' '.join(cell['death'])}"
    if not several:
        yield "no machine died in any cell that has a result"


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
        text.append(f"  failed {name_of(failure)}: {failure['error']}")
    return text
