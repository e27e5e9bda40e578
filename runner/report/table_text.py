"""Tables as CSV (tidy, full precision, for machines) and as Markdown (for reading)."""

import csv
import io

from mmrun.runner import metrics
from mmrun.runner.report.sheets import Sheet, Shown
from mmrun.runner.report.stats import Estimate
from mmrun.runner.report.tables import Entry, TableModel

ESTIMATE = ("value", "low", "high", "interval", "modes", "flags")
RATIO = (
    "ratio", "ratio_low", "ratio_high", "ratio_interval", "ratio_modes", "ratio_flags", "ratio_basis", "pairs", "p",
    "p_holm",
)  # fmt: skip
FATES = ("ok", "oom", "died", "failed", "stale", "missing", "undefined")


def to_csv(model: TableModel) -> str:
    """One line per cell and metric: axis labels, counts of runs, estimate, comparison; empty where there is none."""
    axes = [*model.row_axes, *model.column_axes]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            *axes,
            "metric",
            "unit",
            "better",
            "statistic",
            "confidence",
            "random",
            "n",
            *FATES,
            *ESTIMATE,
            "baseline",
            *RATIO,
            "test",
        ]
    )
    spec = model.spec
    baseline = " ".join(f"{axis}={label}" for axis, label in model.baseline.items())
    for row in model.rows:
        for column in model.columns:
            for name in model.metrics:
                entry = model.entries.get((row, column, name))
                if entry is None:
                    continue
                metric = metrics.metric(name)
                start = [*row, *column, name, metric.unit, metric.better, spec.statistic, spec.confidence]
                test = (
                    (spec.test if spec.statistic != "median" else "sign")
                    if entry.ratio and entry.ratio.p is not None
                    else ""
                )
                writer.writerow([*start, *_numbers(entry), baseline, *_ratio(entry), test])
    return out.getvalue()


def _numbers(entry: Entry) -> list[object]:
    fates = [entry.fates[fate] for fate in FATES]  # type: ignore[index]
    return [str(entry.random).lower(), entry.estimate.n, *fates, *_estimate(entry.estimate)]


def _estimate(estimate: Estimate) -> list[object]:
    modes = " ".join(f"{mode.count}x{_exact(mode.value)}" for mode in estimate.modes if len(estimate.modes) > 1)
    bounds = [_exact(estimate.value), _exact(estimate.low), _exact(estimate.high)]
    return [*bounds, estimate.how, modes, " ".join(estimate.flags)]


def _ratio(entry: Entry) -> list[object]:
    ratio = entry.ratio
    if ratio is None:
        return ["1", "", "", "baseline", *[""] * (len(RATIO) - 4)] if entry.is_baseline else [""] * len(RATIO)
    return [*_estimate(ratio), ratio.basis, ratio.n, _exact(ratio.p), _exact(ratio.p_holm)]


def _exact(number: float | None) -> str:
    """Shortest text that reads back as the same number; whole ones without a point."""
    if number is None:
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def to_markdown(sheet: Sheet) -> str:
    """A pipe table with its caption above and its notes below."""
    panels = "\n\n".join(_panel(sheet, panel) for panel in sheet.panels)
    notes = " ".join(map(_escape, sheet.notes))
    marks = "".join(f"<br><sup>{letter}</sup> {_escape(text)}." for letter, text in sheet.marks)
    return f"**{_escape(sheet.title)}.**\n\n{panels}\n\n{notes}{marks}\n"


def _panel(sheet: Sheet, panel: range) -> str:
    columns = [sheet.columns[i] for i in panel]
    heads = [*map(_escape, sheet.row_heads), *("<br>".join(map(_escape, column.heads)) for column in columns)]
    rule = ["---"] * len(sheet.row_heads) + ["---:"] * len(columns)
    body = [[_shown(row[i]) for i in panel] for row in sheet.body]
    rows = [[*map(_escape, labels), *cells] for labels, cells in zip(sheet.row_labels, body, strict=True)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *rows))


def _shown(shown: Shown) -> str:
    return _escape(shown.number or shown.text) + (f"<sup>{shown.marks}</sup>" if shown.marks else "")


def _escape(text: str) -> str:
    for character in "\\|*_`[]<>":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")
