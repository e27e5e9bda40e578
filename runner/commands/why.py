"""`mmrun why CONFIG CELL METRIC`: from a number to what stands behind it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrun.runner.commands.diff import CELL
from mmrun.runner.terminal import one_line

if TYPE_CHECKING:
    from mmrun.runner.compare.source import Source
    from mmrun.runner.plan.select import Named


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file, or a directory of results.")],
    cell: Annotated[str, typer.Argument(metavar="CELL", help=f"{CELL}.")],
    metric: Annotated[str, typer.Argument(metavar="[METRIC]", help="Default: the first that a table shows.")] = "",
    against: Annotated[
        str, typer.Option(metavar="CELL", help="The baseline; default: that of the experiment's report.")
    ] = "",
    watching: Annotated[
        bool, typer.Option("--events/--no-events", help="Look where it arises, by trace events.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Follow a number to its cause: parts that add up to it, counters behind the large ones, events where it arises.

    A cell and its baseline are run here up to three times, as one replicate: the one that `replicate=` names, or 0.
    """
    from mmrun.runner.commands.announce import announce
    from mmrun.runner.commands.simulated import simulates
    from mmrun.runner.compare.apart import NotTold
    from mmrun.runner.compare.as_json import plain
    from mmrun.runner.compare.baseline import metric_of
    from mmrun.runner.compare.source import named, opened, title
    from mmrun.runner.compare.why import command as command_of
    from mmrun.runner.compare.why import why
    from mmrun.runner.compare.why_page import outdated, page
    from mmrun.runner.metrics import value

    source = opened(config)
    here = named(source, cell)[0]
    metric = metric or metric_of(source, here)
    base = baseline(source, here, metric, against)
    announce([source.cell(run) for run in (here, base)])
    names = title(here), title(base)
    try:
        found = why(metric, source.cell(here), source.cell(base), simulates("why"), watching)
    except NotTold as missing:
        raise typer.BadParameter(f"`{missing}` is not told of both cells", param_hint="METRIC") from None
    if as_json:
        print(json.dumps({"here": names[0], "there": names[1]} | plain(found), indent=1))
        return
    times = (found.moment.here, found.moment.base) if found.moment and not config.is_dir() else ()
    commands = [command_of(str(config), run.key, found.patterns, each)
                for run, each in zip((here, base), times, strict=False)]  # fmt: skip
    stored = value(metric, source.told(here) or {})
    lines = [*outdated(found.account, stored), *page(found, names, commands)]
    print("\n".join(one_line(line.rstrip(), 10_000) for line in lines))


def baseline(source: "Source", here: "Named", metric: str, against: str) -> "Named":
    """The replicate of the baseline beside this one."""
    from mmrun.runner.compare.baseline import baseline_of, suggestions
    from mmrun.runner.compare.source import named, title

    found = named(source, against, [here]) if against else baseline_of(source, here, metric)
    if not found:
        some = ", ".join(list(suggestions(source, here))[:4])
        fix = f"name one with --against, such as {some}" if some else "it is the only cell"
        raise typer.BadParameter(f"the report compares {title(here)} with nothing ({fix})", param_hint="--against")
    base = next((run for run in found if run.replicate == here.replicate), found[0])
    if base.key == here.key:
        raise typer.BadParameter(f"{title(here)} is to be compared with itself", param_hint="--against")
    return base
