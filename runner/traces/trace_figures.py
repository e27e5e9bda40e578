"""The figure of a described trace: LRU miss curve beside the working set over time."""

from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model.trace.info import Description
from mmrun.model.units import PAGE, MiB
from mmrun.runner.report.figure_style import STYLE, WIDTHS, colour, dash

SUFFIXES = (".pdf", ".png")
GREY = "#777777"


def draw(found: Description, path: Path) -> None:
    """Draw to `path` (.pdf or .png). Raises ValueError for another suffix and for a trace without accesses."""
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a figure ends in {' or '.join(SUFFIXES)}")
    if found.accesses == 0:
        raise ValueError(f"{found.path} holds no accesses: nothing to draw")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTHS["page"], 2.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _miss_curve(left, found)
        _working_set(right, found)
        figure.suptitle(f"{Path(found.path).stem}: {found.accesses:,} accesses, {found.touched:,} pages", fontsize=9)
        figure.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def _miss_curve(axes: Any, found: Description) -> None:
    """Exact LRU miss ratio over memory size, one step a page; below it the floor of first touches."""
    pages = np.unique(np.geomspace(1, found.touched, 2000).round().astype(np.int64))
    ratio = found.misses[pages] / max(found.accesses, 1)
    axes.plot(pages, ratio, color=colour(0), drawstyle="steps-post")
    axes.axhline(found.miss_ratio(found.touched), color=GREY, linewidth=0.8, linestyle="--", label="first touches")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("memory (pages)")
    axes.set_ylabel("LRU miss ratio")
    axes.legend()


def _working_set(axes: Any, found: Description) -> None:
    """Distinct pages a window, and how many of them were written."""
    at, pages, written, _ = found.working_set.T
    from matplotlib.ticker import EngFormatter

    to_mib = PAGE / MiB
    axes.plot(at, pages * to_mib, color=colour(0), drawstyle="steps-post", label="touched")
    axes.plot(at, written * to_mib, color=colour(1), linestyle=dash(1), drawstyle="steps-post", label="written")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel(f"access (windows of {found.window:,})")
    axes.set_ylabel("working set (MiB)")
    axes.legend()
