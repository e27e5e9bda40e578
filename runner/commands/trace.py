"""`mmrun trace`: record a program's page accesses, import, fold, cut, merge, describe and make up traces."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrun.runner.cli import INTERRUPTED, PLAIN
from mmrun.runner.config.problems import EnvironmentProblem
from mmrun.runner.terminal import one_line, unescaped
from mmrun.runner.traces import foreign
from mmrun.runner.traces.foreign import Format, Options
from mmrun.runner.traces.recorders import Tool, recorder, told_of

app = typer.Typer(help="Record, import, describe and synthesise page-access traces.", no_args_is_help=True, **PLAIN)

Out = Annotated[Path, typer.Option("--out", "-o", help="Trace file to write (.mmt).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Raw = Annotated[bool, typer.Option("--raw", help="Store columns uncompressed: the file can be mapped into memory.")]
Level = Annotated[int, typer.Option("--level", min=1, max=22, help="zstd level of compressed columns.")]
Fold = Annotated[
    int,
    typer.Option(
        "--fold", min=1, max=1024, metavar="PAGES",
        help="Drop accesses to the last PAGES distinct pages; LRU memories of PAGES or more miss exactly as before.",
    ),
]  # fmt: skip
Instructions = Annotated[bool, typer.Option("--instructions", help="Count instruction fetches as reads.")]


class Curve(StrEnum):
    """Curves that `info` prints as CSV."""

    LRU = "lru"
    WORKING_SET = "working-set"


@app.command("events")
def events_command(
    kernel: Annotated[str, typer.Option(metavar="VERSION", help="Lines as this Linux prints them.")] = "6.18",
    as_json: Json = False,
) -> None:
    """List the trace events that `mmrun run --events` can keep, each with how its line reads."""
    from mmrun.model.core.timeline import refusal
    from mmrun.model.tracepoints import tracepoints

    if found := refusal(kernel):
        raise typer.BadParameter(f"{kernel}: {found[0]} ({found[1]})", param_hint="--kernel")
    rows = []
    for point in tracepoints().values():
        name, line = point.reads(kernel) or (point.name, "")
        rows.append({"system": point.system, "name": name, "line": line, "fields": list(point.fields)})
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['system']}:{row['name']}  {row['line'] or f'(not in {kernel})'}")


@app.command("record")
def record_command(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD...", help="The program and its arguments.")],
    out: Out,
    tool: Annotated[
        Tool | None,
        typer.Option("--with", help="How: by a tool of our own, if it can be made, or lackey."),
    ] = None,
    fold: Fold = 64,
    instructions: Instructions = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End the program after this many recorded accesses.")] = None,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Run CMD under valgrind and record the pages it touches.

    `pages`, compiled on first use with cc, makes a program 15 to 75 times slower, follows what it starts (a thread is
    a task) and sees what system calls touch; `lackey`, 100 to 6,000 times, records CMD alone. Ctrl-C ends CMD and keeps
    what is recorded so far, as --limit does. Exit 1 if CMD fails (the trace is kept).
    """
    from mmrun.model.trace.record import NoValgrind

    with _errors(), _progress() as tick, _asked_to_stop() as stop:
        try:
            record = recorder(tool, _talk)
            _talk(f"recording {command[0]} under valgrind; Ctrl-C keeps what is recorded so far")
            done = record(
                command, out, fold=fold, instructions=instructions, limit=limit, level=level, raw=raw,
                stdout=sys.stderr.fileno() if as_json else None,
                progress=lambda at: tick(f"{at.accesses:,} accesses, {at.npages:,} pages, {at.seconds:.0f} s"),
                stop=stop,
            )  # fmt: skip
        except NoValgrind as error:
            raise EnvironmentProblem(str(error)) from error
    for line in told_of(command[0], out, done):
        _talk(line)
    if as_json:
        _print_json({"out": str(out), **vars(done)})
    if done.stopped == "interrupt":
        raise SystemExit(INTERRUPTED)
    raise typer.Exit(1 if done.exit_status else 0)


@app.command("fold")
def fold_command(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace file (.mmt) of a single task.")],
    out: Out,
    fold: Fold,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Shorten a trace as recording it with --fold PAGES would have."""
    from mmrun.model.trace import open_trace
    from mmrun.model.trace.refold import refold

    with _errors(), _progress() as tick:
        done = refold(
            open_trace(trace), out, fold, level=level, raw=raw, progress=lambda count: tick(f"{count:,} accesses")
        )
    _finish(out, done, as_json)


@app.command("cut")
def cut_command(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace file (.mmt).")],
    out: Out,
    begin: Annotated[int, typer.Option("--from", min=0, metavar="ACCESS", help="First access that is kept.")] = 0,
    end: Annotated[int | None, typer.Option("--to", metavar="ACCESS", help="First one that is not; the end.")] = None,
    task: Annotated[list[int] | None, typer.Option(help="Keep this task's accesses only; several times.")] = None,
    renumber: Annotated[bool, typer.Option("--renumber", help="Number pages by first touch in the window.")] = False,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Cut a window of accesses out of a trace. (A trace has no times.)"""
    from mmrun.model.trace import open_trace
    from mmrun.model.trace.splice import cut

    with _errors(), _progress() as tick:
        done = cut(
            open_trace(trace), out, begin, end, tasks=task or (), renumber=renumber, level=level, raw=raw,
            progress=lambda count: tick(f"{count:,} accesses"),
        )  # fmt: skip
    _finish(out, done, as_json)


@app.command("merge")
def merge_command(
    traces: Annotated[list[Path], typer.Argument(metavar="TRACE...", help="Trace files (.mmt).")],
    out: Out,
    turn: Annotated[int, typer.Option(min=1, help="Accesses before the next trace has its turn.")] = 1000,
    shared: Annotated[bool, typer.Option("--shared", help="Equal numbers are the same page, not one of each.")] = False,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Merge traces into one of several tasks, in turns, each as often as lets all end together."""
    from mmrun.model.trace import open_trace
    from mmrun.model.trace.splice import merge

    with _errors(), _progress() as tick:
        done = merge(
            [open_trace(path) for path in traces], out, turn=turn, shared=shared, level=level, raw=raw,
            progress=lambda count: tick(f"{count:,} accesses"),
        )  # fmt: skip
    _finish(out, done, as_json)


@app.command("import")
def import_command(
    form: Annotated[Format, typer.Argument(metavar="FORMAT", help=", ".join(Format))],
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="File to read (.zst and .gz are decompressed); - for stdin.")
    ],
    out: Out,
    page: Annotated[str | None, typer.Option(help="csv: column of page numbers or object ids, name or index.")] = None,
    address: Annotated[str | None, typer.Option(help="csv: column of byte addresses.")] = None,
    write: Annotated[
        str | None, typer.Option(help="csv: column that says whether an access writes (w/r, 1/0).")
    ] = None,
    task: Annotated[str | None, typer.Option(help="csv: column that tells tasks apart.")] = None,
    header: Annotated[bool | None, typer.Option(help="csv: whether line 1 names the columns.")] = None,
    delimiter: Annotated[str, typer.Option(help="csv: character between columns.")] = ",",
    hexadecimal: Annotated[bool, typer.Option("--hex", help="pages: numbers are hex even without 0x.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep page numbers instead of numbering by first touch.")
    ] = False,
    block: Annotated[int, typer.Option(min=1, max=4096, help="arc: bytes a block; 4096: each is a page.")] = 512,
    samples: Annotated[
        int | None, typer.Option(min=1, help="damon: samplings an aggregation; as recorded, 20 where that is not told.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="damon: accesses of a busy page an aggregation.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="damon: seed of what is drawn.")] = 0,
    fold: Fold = 1,
    instructions: Instructions = False,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Turn a foreign trace into a .mmt file; docs/trace-format.md says what of each format is kept."""
    from mmrun.model.trace.importers import import_trace

    told = Options(
        page=page, address=address, write=write, task=task, header=header, delimiter=delimiter,
        hexadecimal=hexadecimal, keep=keep, block=block, samples=samples, rounds=rounds, seed=seed, fold=fold,
        instructions=instructions,
    )  # fmt: skip
    with _errors(source), _progress() as tick:
        read = foreign.source(form, source, told)
        read.made.update(by="mmrun trace import", format=form.value, source=Path(source).name)
        done = import_trace(
            iter(read.chunks), out, read.made, keep=read.keep, npages=read.npages, level=level, raw=raw,
            progress=lambda count: tick(f"{count:,} accesses"),
        )  # fmt: skip
    _finish(out, done, as_json)


@app.command("info")
def info_command(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace file (.mmt).")],
    window: Annotated[int | None, typer.Option(min=1, help="Accesses a row of the working set.")] = None,
    figure: Annotated[
        list[Path] | None, typer.Option("--figure", "-f", help="Draw the curves here (.pdf, .png).")
    ] = None,
    csv: Annotated[Curve | None, typer.Option(help="Print this curve as CSV.")] = None,
    as_json: Json = False,
) -> None:
    """Describe a trace: footprint, read/write mix, LRU miss curve, working set over time."""
    from mmrun.model.trace import open_trace
    from mmrun.model.trace.info import describe
    from mmrun.runner.traces import trace_text

    with _errors():
        found = describe(open_trace(trace), window)
        for path in figure or ():
            from mmrun.runner.traces.trace_figures import draw

            draw(found, path)
            _talk(f"{path} written")
    if as_json:
        _print_json(found.plain())
    elif csv:
        sys.stdout.write(trace_text.curve_csv(found, csv.value))
    else:
        sys.stdout.write(trace_text.summary(found))


@app.command("synthesise")
def synthesise_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Generator: zipf, uniform, loop, scan, ...")],
    out: Out,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="size=64MiB, ...")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random stream.")] = 0,
    level: Level = 9,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Write the stream of a generator as a trace."""
    import numpy as np

    from mmrun.model.core.events import ARG_MASK, OP_SHIFT
    from mmrun.model.trace import write_trace
    from mmrun.model.workloads import check_footprint, make_params, module
    from mmrun.runner.config.trace_params import parse_params

    with _errors():
        if kind == "trace":
            raise ValueError("kind `trace` plays a recording; there is nothing to synthesise")
        values = parse_params(kind, param or [])
        params = make_params(kind, values)
        check_footprint(kind, params)
        generator = module(kind)
        made = {"by": "mmrun trace synthesise", "kind": kind, "params": values, "seed": seed}
        chunks = generator.events(params, np.random.default_rng(seed))
        accesses = ((chunk & ARG_MASK, chunk >> OP_SHIFT == 1) for chunk in chunks)
        done = write_trace(out, accesses, made, npages=generator.footprint(params), level=level, raw=raw)
    _finish(out, done, as_json)


def _finish(out: Path, header: Any, as_json: bool) -> None:
    _talk(f"{out}: {header.accesses:,} accesses ({header.writes:,} writes) of {header.npages:,} pages")
    if as_json:
        names = ("accesses", "npages", "writes", "tasks", "digest")
        _print_json({"out": str(out), **{name: getattr(header, name) for name in names}})


def _print_json(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values, indent=1) + "\n")


def _talk(text: str) -> None:
    print(one_line(text), file=sys.stderr)


@contextmanager
def _errors(source: str = "") -> Iterator[None]:
    """Turn what users can mend into a sentence that names the file that was read, and exit 2."""
    from mmrun.model.trace.format import TraceError

    try:
        yield
    except (TraceError, ValueError) as error:
        named = not source or source in str(error)
        _talk(f"mmrun trace: {error}" if named else f"mmrun trace: {source}: {error}")
        raise typer.Exit(2) from error


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C or SIGTERM came; a second one acts as it always does."""
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        asked.append(number)
        restore()

    def restore() -> None:
        for name, handler in before.items():
            signal.signal(name, handler)

    before = {name: signal.signal(name, note) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        restore()


@contextmanager
def _progress() -> Iterator[Any]:
    """A function that shows a line of progress: rewritten twice a second on a terminal, every 10 s elsewhere."""
    import time

    terminal = sys.stderr.isatty()
    pause, last = (0.5 if terminal else 10.0), time.monotonic()
    shown = False

    def tick(text: str) -> None:
        nonlocal last, shown
        if time.monotonic() - last < pause:
            return
        last, shown = time.monotonic(), True
        width = os.get_terminal_size(sys.stderr.fileno()).columns - 1 if terminal else 200
        shown_as = f"\r\033[K{text[:width]}" if terminal else text + "\n"
        print(shown_as, end="", file=unescaped(sys.stderr), flush=True)

    try:
        yield tick
    finally:
        if shown and terminal:
            print("\r\033[K", end="", file=unescaped(sys.stderr), flush=True)
