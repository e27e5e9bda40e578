"""The figure of a described trace: LRU miss curve beside the working set over time."""

from pathlib import Path
from typing import Any

import numpy as np

from model.trace.info import Description
from model.units import PAGE, MiB

SUFFIXES = (".pdf", ".png")
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"  # told apart by colour-blind readers and, by lightness, in print


def draw(found: Description, path: Path) -> None:
    """Draw to `path` (.pdf or .png). Raises ValueError for another suffix and for a trace without accesses."""
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a figure ends in {' or '.join(SUFFIXES)}")
    if found.accesses == 0:
        raise ValueError(f"{found.path} holds no accesses: nothing to draw")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    _miss_curve(left, found)
    _working_set(right, found)
    for axes in (left, right):
        axes.grid(True, color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.suptitle(f"{Path(found.path).stem}: {found.accesses:,} accesses, {found.touched:,} pages", fontsize=9)
    figure.savefig(path, dpi=200, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def _miss_curve(axes: Any, found: Description) -> None:
    """Exact LRU miss ratio over memory size, one step a page; below it the floor of first touches."""
    pages = np.unique(np.geomspace(1, found.touched, 2000).round().astype(np.int64))
    ratio = found.misses[pages] / max(found.accesses, 1)
    axes.plot(pages, ratio, color=BLUE, linewidth=1.2, drawstyle="steps-post")
    axes.axhline(found.miss_ratio(found.touched), color=GREY, linewidth=0.8, linestyle="--", label="first touches")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("memory (pages)", fontsize=8)
    axes.set_ylabel("LRU miss ratio", fontsize=8)
    axes.legend(fontsize=7, frameon=False)


def _working_set(axes: Any, found: Description) -> None:
    """Distinct pages a window, and how many of them were written."""
    at, pages, written, _ = found.working_set.T
    from matplotlib.ticker import EngFormatter

    to_mib = PAGE / MiB
    axes.plot(at, pages * to_mib, color=BLUE, linewidth=1.2, drawstyle="steps-post", label="touched")
    axes.plot(
        at, written * to_mib, color=ORANGE, linewidth=1.2, linestyle="--", drawstyle="steps-post", label="written"
    )
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel(f"access (windows of {found.window:,})", fontsize=8)
    axes.set_ylabel("working set (MiB)", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
