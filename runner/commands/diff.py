"""`mmrun diff CONFIG A B`: two cells side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mmrun.runner.terminal import one_line

CELL = "A key's beginning, the number of a row, or labels: `machine=512M,reclaim=3.1`"


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file, or a directory of results.")],
    first: Annotated[str, typer.Argument(metavar="A", help=f"{CELL}.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another cell; what is not named is as in A.")],
    everything: Annotated[bool, typer.Option("--all", help="List every counter that moved.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Put two cells side by side: settings that differ, where each task's time went, counters that moved most.

    All their replicates are compared, in pairs; `replicate=0` among the labels of A and B takes one. Cells of a file
    are run here, those of a directory are not.
    """
    from mmrun.runner.commands.announce import announce
    from mmrun.runner.commands.simulated import simulates
    from mmrun.runner.compare.as_json import plain
    from mmrun.runner.compare.diff_page import MOST_COUNTERS, page
    from mmrun.runner.compare.differences import differences
    from mmrun.runner.compare.source import counted, named, opened, pairs, title

    source = opened(config)
    a = named(source, first)
    b = named(source, second, a)
    if a[0].axes == b[0].axes and a[0].key == b[0].key:
        raise typer.BadParameter(f"A and B are the same cell, {title(a[0])}", param_hint="B")
    both = pairs(b, a)
    if not both:
        raise typer.BadParameter("A and B have no replicate in common", param_hint="B")
    if not config.is_dir():
        announce([source.cell(run) for run in (a[0], b[0])])
        typer.echo(f"runs {len({run.key for pair in both for run in pair})} cells", err=True)
    simulate, known = simulates("diff"), {}
    for run in dict.fromkeys(run.key for pair in both for run in pair):
        (each,) = [one for pair in both for one in pair if one.key == run][:1]
        known[run] = counted(source, each, simulate)
    ours, theirs = ([known[pair[side].key] for pair in both] for side in (0, 1))
    found = differences(source.cell(b[0]), source.cell(a[0]), ours, theirs)
    many = len(both) > 1
    names = title(a[0], not many), title(b[0], not many)
    if as_json:
        print(json.dumps({"a": names[0], "b": names[1]} | plain(found), indent=1))
        return
    lines = page(found, names, len(found.counters) if everything else MOST_COUNTERS)
    print("\n".join(one_line(line.rstrip(), 10_000) for line in lines))
