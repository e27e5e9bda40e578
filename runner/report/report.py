"""The report of a sweep from its stored results alone: `tables/`, `figures/` and a page `report.md` that links them.

Nothing here looks at the clock or at the model: the same results and the same block give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from mmrun.model.core.frozen import frozen
from mmrun.runner import metrics
from mmrun.runner.report.effects_section import effects_section
from mmrun.runner.report.figure_style import MAX_LINES
from mmrun.runner.report.map_figure import COLUMNS
from mmrun.runner.report.observations import Runs, load_runs, load_series
from mmrun.runner.report.report_block import Figure, ReportBlock, Table, as_tuple, decode, problems
from mmrun.runner.report.sweep_facts import NO_FACTS, SweepFacts, facts_from
from mmrun.runner.report.words import Words
from mmrun.runner.store.manifest import DamagedManifest, read_manifest
from mmrun.runner.store.store import own_directory, replacing
from mmrun.runner.terminal import one_line

HEADLINE = ("elapsed_ns", "miss_ratio", "pgscan", "scan_efficiency_ratio", "pswpout", "remote_touch_ratio")
SHOWN_FAILURES = 40


class ReportError(ValueError):
    """The report cannot be made: no results, or a block that does not fit them. The text says what to do."""


@frozen
class Page:
    """What the page is about, beside the results."""

    name: str
    description: str
    block: ReportBlock
    facts: SweepFacts = NO_FACTS


def write_report(out: Path, plan: Any) -> list[Path]:
    """Write the report of `plan` (name, report block, experiment) from the results in `out`; returns the files."""
    description = getattr(getattr(plan, "experiment", None), "description", "") or ""
    return build_report(
        out, Page(plan.name, description, plan.report or ReportBlock(), getattr(plan, "facts", NO_FACTS))
    )


def rebuild_report(out: Path) -> list[Path]:
    """Write the report that `manifest.json` in `out` describes. Raises ReportError where that or results are absent."""
    return build_report(out, stored_page(out))


def export_mmtests(out: Path, wanted: list[str], directory: Path) -> list[str]:
    """Write results as mmtests reads them: the `wanted` metrics, else those of the report's tables; cells by name."""
    from mmrun.runner.report.mmtests import write

    page, runs = stored_page(out), _read_runs(out)
    tables = (page.block if page.block.tables else default_block(page.block, runs)).tables
    wanted = wanted or list(dict.fromkeys(name for table in tables for name in as_tuple(table.metrics)))
    try:
        return write(runs, wanted, directory)
    except ValueError as error:
        raise ReportError(str(error)) from None


def stored_page(out: Path) -> Page:
    """The page that `manifest.json` in `out` describes. Raises ReportError where there is none that can be used."""
    path = out / "manifest.json"
    try:
        manifest = read_manifest(path)
        block = decode(manifest.get("report") or {})
        facts = facts_from(manifest.get("facts") or {})
    except FileNotFoundError:
        raise ReportError(f"{out}: no results of a sweep (no manifest.json)") from None
    except DamagedManifest as error:
        raise ReportError(f"{path}: damaged ({one_line(str(error), 300)}); sweeping again restores it") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{path}: its report block is damaged ({one_line(str(error), 300)})") from None
    return Page(manifest.get("name", out.name), manifest.get("description", ""), block, facts)


def manifest_part(plan: Any) -> dict[str, Any]:
    """What the manifest must hold for `rebuild_report`: report block, facts and description, in JSON's terms."""
    description = getattr(getattr(plan, "experiment", None), "description", "") or ""
    return {
        "report": asdict(getattr(plan, "report", None) or ReportBlock()),
        "description": description,
        "facts": getattr(plan, "facts", NO_FACTS).plain(),
    }


def build_report(out: Path, page: Page) -> list[Path]:
    """Read `runs.parquet` and `series.parquet` in `out` and write every table, figure and the page."""
    runs = replace(_read_runs(out), facts=page.facts)
    told = page.block.tables or page.block.figures or page.block.effects
    block = page.block if told else default_block(page.block, runs)
    design = page.facts.factorial
    wrong = problems(block, runs.axes, metrics=_recorded(runs), factors=design.levels if design else ())
    if wrong:
        lines = [f"report.{'.'.join(map(str, path))}: {message}" for path, message in wrong]
        raise ReportError(f"{out}: the report block does not fit the results:\n" + "\n".join(lines))
    files: list[Path] = []
    sections = [f"# {page.name}", *([page.description] if page.description else []), _summary(runs)]
    for table in block.tables:
        sections.append(_table_section(table, block, runs, out, files))
    for figure in block.figures:
        sections.append(_figure_section(figure, block, runs, out, files))
    for effects in block.effects:
        sections.append(effects_section(effects, block, runs, out, files))
    sections += _failures(block, runs)
    path = out / "report.md"
    with replacing(path) as file:
        file.write(("\n\n".join(section.strip() for section in sections) + "\n").encode())
    return [*files, path]


def default_block(block: ReportBlock, runs: Runs) -> ReportBlock:
    """A table of the headline metrics over all axes, and bars (or a heat map) of the first one over up to four."""
    found = tuple(name for name in HEADLINE if _varies(runs, name))
    found = found or tuple(name for name in HEADLINE if _values(runs, name))[:1] or ("elapsed_ns",)
    table = Table(name="summary", title="Headline metrics of every cell", metrics=found)
    swept = [axis for axis, labels in runs.axes.items() if len(labels) > 1]
    few = sorted(swept, key=lambda axis: len(runs.axes[axis]))
    if not swept or len(swept) > 4:
        return ReportBlock(tables=(table,), labels=block.labels)
    x = few[-1]
    line = few[-2] if len(few) > 1 else ""
    kind: Literal["bars", "heatmap"] = "heatmap" if len(runs.axes.get(line, ())) > MAX_LINES else "bars"
    figure = Figure(name="summary", kind=kind, x=x, y=found[0], line=line, facets=tuple(few[:-2]), width="page")
    return ReportBlock(tables=(table,), figures=(figure,), labels=block.labels)


def _read_runs(out: Path) -> Runs:
    try:
        return load_runs(out / "runs.parquet")
    except FileNotFoundError:
        raise ReportError(f"{out}: no results yet (no runs.parquet); run the sweep first") from None
    except ValueError as error:
        raise ReportError(str(error)) from None


def _recorded(runs: Runs) -> set[str]:
    fixed = {*runs.axes, "replicate", "random", "status", "error", "stale", "outcome"}
    return {name for row in runs.rows for name in row} - fixed


def _values(runs: Runs, name: str) -> set[float]:
    numbers = (metrics.value(name, row) for row in runs.rows if row.get("status") == "ok")
    return {number for number in numbers if number is not None}


def _varies(runs: Runs, name: str) -> bool:
    return len(_values(runs, name)) > 1


def _summary(runs: Runs) -> str:
    counts = runs.count()
    words = {
        "ok": "finished",
        "oom": "ran out of memory",
        "died": "died of a deadlock or livelock",
        "failed": "failed",
        "stale": "stale",
        "missing": "not run yet",
    }
    parts = ", ".join(f"{counts[fate]} {text}" for fate, text in words.items() if counts[fate])  # type: ignore[index]
    lines = [f"{counts.total()} runs in {len(runs.by_cell())} cells: {parts}."]
    lines += [f"{n} results are stale: {reason}." for reason, n in sorted(runs.stale().items())]
    return " ".join(lines)


def _table_section(table: Table, block: ReportBlock, runs: Runs, out: Path, files: list[Path]) -> str:
    from mmrun.runner.report.sheets import lay_out
    from mmrun.runner.report.table_latex import to_latex
    from mmrun.runner.report.table_text import to_csv, to_markdown
    from mmrun.runner.report.tables import build

    model = build(table, block, runs)
    sheet = lay_out(model)
    texts = {"csv": to_csv(model), "md": to_markdown(sheet), "tex": to_latex(sheet)}
    own_directory(out / "tables")
    for suffix, text in texts.items():
        files.append(out / "tables" / f"{table.name}.{suffix}")
        with replacing(files[-1]) as file:
            file.write(text.encode())
    links = ", ".join(f"[{suffix.upper()}](tables/{table.name}.{suffix})" for suffix in ("csv", "tex"))
    return f"## Table {table.name}\n\n{texts['md']}\n{links}"


def _figure_section(figure: Figure, block: ReportBlock, runs: Runs, out: Path, files: list[Path]) -> str:
    from mmrun.runner.report.figures import draw

    series = None
    if figure.kind in ("series", "map"):
        wanted = {figure.x or "time_ns", figure.y, *metrics.columns_of(figure.y), "time_ns"}
        wanted = {"time_ns", *COLUMNS} if figure.kind == "map" else wanted
        try:
            series = load_series(out / "series.parquet", wanted)
        except ValueError as error:
            return f"## Figure {figure.name}\n\nNot drawn: {error}."
    try:
        drawn = draw(figure, block, runs, series, out / "figures")
    except ValueError as error:
        return f"## Figure {figure.name}\n\nNot drawn: {error}."
    files += drawn.files
    picture = f"![{drawn.title}](figures/{figure.name}.png)"
    caption = f"**{drawn.title}.** {' '.join(drawn.notes)}"
    return f"## Figure {figure.name}\n\n{picture}\n\n{caption}\n\n[PDF](figures/{figure.name}.pdf)"


def _failures(block: ReportBlock, runs: Runs) -> list[str]:
    """Every failed run with its message; how many there are beyond those shown."""
    failed = [row for row in runs.rows if row.get("status") == "failed"]
    if not failed:
        return []
    words = Words(block.labels, tuple(runs.axes))
    heads = [*map(words.axis, runs.axes), "replicate", "error"]
    lines = [_pipe(heads), _pipe(["---"] * len(heads))]
    for row in failed[:SHOWN_FAILURES]:
        lines.append(_pipe([*map(words.label, runs.key(row, list(runs.axes))), row["replicate"], row.get("error", "")]))
    more = [f"\n{len(failed) - SHOWN_FAILURES} more in runs.parquet."] if len(failed) > SHOWN_FAILURES else []
    return ["## Failed runs", "\n".join([*lines, *more])]


def _pipe(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
