"""The section of a report on effects: table, half-normal plot, matrix of pairs, and the pairs that surprise."""

from pathlib import Path

from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report_block import Effects, ReportBlock
from mmrun.runner.report.sheets import Sheet
from mmrun.runner.report.words import Words
from mmrun.runner.store.store import own_directory, replacing


def effects_section(spec: Effects, block: ReportBlock, runs: Runs, out: Path, files: list[Path]) -> str:
    """Write its files and return its text; of an incomplete design only what is missing."""
    from mmrun.runner.report import effects_figures, effects_sheets
    from mmrun.runner.report.effects import SHOWN, Incomplete, measure
    from mmrun.runner.report.surprises import surprises

    words = Words(block.labels, tuple(runs.axes))
    try:
        measured = measure(spec, runs)
    except Incomplete as error:
        more = [f"- {len(error.lines) - SHOWN} more"] if len(error.lines) > SHOWN else []
        lines = [f"- {line}" for line in error.lines[:SHOWN]] + more
        return "\n".join([f"## Effects {spec.name}\n\nNot computed: {error}.\n", *lines])
    found = surprises(measured)
    parts = [f"## Effects {spec.name}"]
    sheet = effects_sheets.effects_sheet(measured, words)
    parts.append(_table(sheet, effects_sheets.effects_csv(measured), out, files))
    sheet = effects_sheets.surprises_sheet(measured, found, words)
    text = _table(sheet, effects_sheets.surprises_csv(measured, found), out, files)
    parts.append(text if found else "No pair surprises.")
    for draw in (effects_figures.half_normal, effects_figures.pairs_matrix):
        drawn = draw(measured, words, out / "figures")
        files += drawn.files
        picture = f"![{drawn.title}](figures/{drawn.name}.png)"
        parts.append(f"{picture}\n\n**{drawn.title}.** {' '.join(drawn.notes)}\n\n[PDF](figures/{drawn.name}.pdf)")
    return "\n\n".join(parts)


def _table(sheet: Sheet, csv: str, out: Path, files: list[Path]) -> str:
    """Write a table as CSV, Markdown and LaTeX; returns it with links."""
    from mmrun.runner.report.table_latex import to_latex
    from mmrun.runner.report.table_text import to_markdown

    texts = {"csv": csv, "md": to_markdown(sheet), "tex": to_latex(sheet)}
    own_directory(out / "tables")
    for suffix, text in texts.items():
        files.append(out / "tables" / f"{sheet.name}.{suffix}")
        with replacing(files[-1]) as file:
            file.write(text.encode())
    links = ", ".join(f"[{suffix.upper()}](tables/{sheet.name}.{suffix})" for suffix in ("csv", "tex"))
    return f"{texts['md']}\n{links}"
