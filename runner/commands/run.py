"""`mmrun run CONFIG`: one cell in this process, without Ray."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrun.runner.terminal import one_line

if TYPE_CHECKING:
    from mmrun.model.api import Outcome
    from mmrun.model.description import Cell
    from mmrun.runner.commands.sampled import Sampled
    from mmrun.runner.events.watching import Asked
    from mmrun.runner.plan.plan import PlannedCell
    from mmrun.runner.report.dumps import Dumps


Every = Annotated[
    str, typer.Option(metavar="EVERY", help="Tell gauges and rates of counters so often: 10ms, or a number of ms.")
]
SeriesFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write them there, as .csv or .parquet, all of them.")
]
Columns = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Columns of the series: `pgscan_*`; several times.")
]
DumpTimes = Annotated[
    list[str] | None, typer.Option(metavar="TIME", help="Write them for this time, into DIR/TIME; several times.")
]


def command(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the cell; the value as in YAML.")
    ] = None,
    cell: Annotated[
        list[str] | None, typer.Option(metavar="KEY|AXIS=LABEL", help="Choose the cell; may be given several times.")
    ] = None,
    series: Every = "",
    series_out: SeriesFile = None,
    column: Columns = None,
    events: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Trace events to keep: `vmscan:*`, `mm_page_alloc`, `*`; several times."),
    ] = None,
    trace_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the events there, as text.")] = None,
    trace_format: Annotated[
        str,
        typer.Option(metavar="ftrace|compat|chrome", help="As its version's, for scripts, for Perfetto."),
    ] = "ftrace",
    trace_from: Annotated[str, typer.Option(metavar="TIME", help="Keep events from this simulated time on.")] = "",
    trace_to: Annotated[str, typer.Option(metavar="TIME", help="Keep events before this simulated time.")] = "",
    trace_task: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Keep this task's events only; several times.")
    ] = None,
    trace_node: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Keep events of CPUs of this node only; several times.")
    ] = None,
    trace_cgroup: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Keep events of this group's tasks only; several times.")
    ] = None,
    trace_buffer: Annotated[str, typer.Option(metavar="SIZE", help="Room for events.")] = "128MiB",
    damon_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write DAMON's regions there, as `damo report` reads them.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Verify conservation after every stop of the engine.")] = False,
    dump: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files shaped as /proc and sysfs at the end of the run.")
    ] = None,
    dump_at: DumpTimes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Run one cell in this process; print what happened, reports of kills and death, and every counter that is not 0.

    Without --cell: the first of the sweep.
    """
    from mmrun.runner.commands.announce import announce
    from mmrun.runner.commands.sampled import Sampled
    from mmrun.runner.events.watching import Asked
    from mmrun.runner.plan.idle_settings import warnings
    from mmrun.runner.plan.plan import make_plan
    from mmrun.runner.plan.select import chosen, with_settings
    from mmrun.runner.report.dumps import Dumps

    plan = make_plan(config)
    found = chosen(plan, cell or [])
    if len(found) > 1:
        typer.echo(f"the first of {len(found)} cells; --cell axis=label chooses", err=True)
    described = with_settings(plan, found[0], settings or [])
    announce([described])
    for odd in warnings(plan.experiment, [(found[0].axes, described)]):
        typer.echo(f"warning: {odd}", err=True)
    asked = Asked(
        events or [], trace_out, trace_format, trace_from, trace_to, trace_task or [], trace_node or [],
        trace_cgroup or [], trace_buffer, damon_out,
    )  # fmt: skip
    sampled = Sampled.of(described, series, series_out, column or [])
    outcome = simulated(sampled.cell, check, Dumps(dump, dump_at or []), asked)
    print(told(found[0], settings or [], sampled, outcome, as_json))


def told(cell: "PlannedCell", settings: list[str], sampled: "Sampled", outcome: "Outcome", as_json: bool) -> str:
    """What is printed of a run: JSON, a table of its series if that was asked for, else the page."""
    from mmrun.runner.report.run_page import page

    metrics, kills, death, changes = plain_metrics(outcome), outcome.kills, outcome.death, outcome.changes
    along = sampled.tell(outcome)
    if as_json:
        facts = {"key": cell.key, "axes": cell.axes, "replicate": cell.replicate, "set": settings}
        facts |= {"metrics": metrics, "kills": kills, "death": death, "changes": changes}
        return json.dumps(facts | ({"series": sampled.plain(along)} if along else {}), indent=1)
    whole = [name_of(cell, settings), *page(sampled.cell, settings, metrics, kills, death, changes)]
    return "\n".join(one_line(line, 10_000) for line in (sampled.lines(along) if along else whole))


def simulated(cell: "Cell", check: bool, dumps: "Dumps", asked: "Asked") -> "Outcome":
    """A run of the cell; writes what was asked for beside. A model's error ends the command with 1."""
    from mmrun.model import catalogue, registry
    from mmrun.runner.commands.simulated import simulates

    try:
        watch, keep_at = asked.watch(cell), dumps.times()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if (watch or dumps.directory) and catalogue.is_yardstick(registry.case(registry.resolve(cell))):
        raise typer.BadParameter("a yardstick runs on page numbers: there are no events, and no machine to dump")
    outcome = simulates("run")(cell, check=check, keep=dumps.at_end, keep_at=keep_at, watch=watch)
    if outcome.events is not None:
        try:
            typer.echo(asked.write(outcome.events, cell, outcome.series), err=True)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    dumps.write(outcome)
    return outcome


def plain_metrics(outcome: "Outcome") -> dict[str, Any]:
    """Metrics as plain numbers."""
    from mmrun.runner.store.records import plain

    return {name: plain(value) for name, value in outcome.metrics.items()}


def name_of(cell: "PlannedCell", settings: list[str]) -> str:
    """The cell's key, labels and replicate."""
    axes = " ".join(f"{name}={label}" for name, label in cell.axes.items())
    return " ".join(["changed from" if settings else "", cell.key, axes, f"replicate={cell.replicate}"]).strip()
