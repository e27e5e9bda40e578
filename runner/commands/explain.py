"""`mmrun explain NAME`: what a name in a configuration or a result means."""

import json
from pathlib import Path
from typing import Annotated

import typer


def command(
    name: Annotated[
        str | None,
        typer.Argument(help="Axis, variant, parameter, hook, metric, kernel version or function, key..."),
    ] = None,
    everything: Annotated[
        Path | None, typer.Option("--all", metavar="DIR", help="Write the reference pages into a folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """Explain a policy, hook, parameter, metric, kernel version, kernel function or key: meaning, unit, source."""
    from mmrun.runner.explain.explain import NothingKnown, entries, look_up, overview

    if everything is not None:
        from mmrun.runner.explain.reference import write

        print("\n".join(map(str, write(everything))))
        return
    if name is None:
        print(json.dumps(sorted(entries()), indent=1) if as_json else overview())
        return
    try:
        found = look_up(name)
    except NothingKnown as unknown:
        typer.echo(f"mmrun explain: {unknown}", err=True)
        raise typer.Exit(2) from None
    print(json.dumps([vars(entry) for entry in found], indent=1) if as_json else "\n\n".join(map(str, found)))
