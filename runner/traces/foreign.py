"""Which reader a foreign format has, and what each is told."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mmrun.model.core.frozen import frozen

if TYPE_CHECKING:
    from mmrun.model.trace.importers import Keyed


class Format(StrEnum):
    """Foreign formats."""

    LACKEY = "lackey"
    ORACLE_GENERAL = "oracleGeneral"
    PAGES = "pages"
    CSV = "csv"
    ARC = "arc"
    VSCSI = "vscsi"
    PERF_SCRIPT = "perf-script"
    DAMON = "damon"


@frozen(kw_only=True)
class Options:
    """What `mmrun trace import` was told beside format and file."""

    page: str | None = None
    address: str | None = None
    write: str | None = None
    task: str | None = None
    header: bool | None = None
    delimiter: str = ","
    hexadecimal: bool = False
    keep: bool = False
    fold: int = 1
    instructions: bool = False
    block: int = 512
    samples: int | None = None
    rounds: int = 1
    seed: int = 0


@frozen
class Source:
    """Accesses in chunks; `made`: how they came about, part of it known only when all is read."""

    chunks: "Iterable[Keyed]"
    made: dict[str, Any]
    keep: bool
    npages: int | None = None


def source(form: Format, path: str, options: Options) -> Source:
    """The reader of a file. Raises TraceError and ValueError."""
    from mmrun.model.trace import importers

    o = options
    if form is Format.LACKEY:
        chunks = importers.lackey(path, instructions=o.instructions, fold=o.fold)
        return Source(chunks, {"fold": o.fold, "instructions": o.instructions}, o.keep)
    if form is Format.ORACLE_GENERAL:
        return Source(importers.oracle_general(path), {}, o.keep)
    if form is Format.PAGES:
        return Source(importers.page_list(path, hexadecimal=o.hexadecimal), {}, o.keep)
    if form in (Format.CSV, Format.PERF_SCRIPT):
        return _table(form, path, o)
    return _damon(path, o) if form is Format.DAMON else _requests(form, path, o)


def _table(form: Format, path: str, options: Options) -> Source:
    """Lines of text, of tasks by name."""
    from mmrun.model.trace.perf_script import PerfScript
    from mmrun.model.trace.table import Columns, CsvReader

    if form is Format.PERF_SCRIPT:
        reader: Any = PerfScript(path)
        return Source(reader, {"tasks": reader.tasks}, options.keep)
    names = ("page", "address", "write", "task", "header", "delimiter")
    reader = CsvReader(path, Columns(**{name: getattr(options, name) for name in names}))
    return Source(reader, {"tasks": reader.tasks}, options.keep)


def _requests(form: Format, path: str, options: Options) -> Source:
    """Requests to disks."""
    from mmrun.model.trace import blocks

    if form is Format.ARC:
        return Source(blocks.arc(path, block=options.block), {"block": options.block}, options.keep)
    return Source(blocks.vscsi(path), {}, options.keep)


def _damon(path: str, options: Options) -> Source:
    """Accesses drawn from a recording; its pages have their numbers already."""
    from mmrun.model.trace.damon import Drawing, recording

    drawing = Drawing(recording(path, options.samples), rounds=options.rounds, seed=options.seed)
    made = {"rounds": options.rounds, "seed": options.seed, "samples": drawing.source.samples, "tasks": drawing.tasks}
    return Source(drawing, made, True, drawing.npages)
