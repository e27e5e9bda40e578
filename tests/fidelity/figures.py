"""Figures of the validation report: errors of every case, curves along replays, the spread of lagging statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fidelity.compare import Result
from tests.fidelity.recorded import QUANTITIES, curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BACKENDS = {
    "zram": ("o", "#0072B2"),
    "filemmap": ("s", "#D55E00"),
    "fileread": ("^", "#009E73"),
    "mixed": ("D", "#CC79A7"),
}
SHOWN = (
    "zram-shift-50-s60",
    "zram-zipf10-25-s60",
    "filemmap-shift-50-s60",
    "fileread-zipf10-50-s60",
    "mixed-shift-50-s60",
    "mixed25-zipf10-50-s200",
    "filemmap-shift-50-s60-default-ra-fa",
    "diskswap-shift-75-s60",
)
# Panel -> recorded and simulated column; `{}` stands for the kinds of pages the case has.
PANELS = {
    "scanned": ("pgscan_{}", "pgscan_{}"),
    "deactivated": ("pgdeactivate", "pgdeactivate"),
    "refaults activated": ("workingset_activate_{}", "workingset_activate_{}"),
    "active lists": ("mc_active_{}", "nr_active_{}"),
    "inactive lists": ("mc_inactive_{}", "nr_inactive_{}"),
}


def write_figures(results: Sequence[Result], folder: Path) -> dict[str, str]:
    """Write every figure as PNG; returns title -> file name."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(parents=True, exist_ok=True)
    host = [result for result in results if not result.case.guest]
    plain = [result for result in host if not result.case.variant and not result.case.on_disk]
    return {
        "errors": _save(_errors(plain), folder / "validation-errors.png"),
        "curves": _save(
            _curves([r for name in SHOWN for r in host if r.case.name == name]), folder / "validation-curves.png"
        ),
        "lag": _save(
            _lag([r for r in results if r.case.variant == "lazyflush" and r.runs]), folder / "validation-lag.png"
        ),
    }


def _save(figure: Any, path: Path) -> str:
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=130, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return path.name


def _errors(results: Sequence[Result]) -> Any:
    """Relative error of every case and quantity over the size of the cgroup."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained")
    for axis, quantity in zip(axes.flat, QUANTITIES, strict=False):
        for backend, (marker, colour) in BACKENDS.items():
            shown = [r for r in results if r.case.backend.startswith(backend) and r.error(quantity) is not None]
            errors = [100 * (r.error(quantity) or 0) for r in shown]
            axis.plot([r.case.limit_pages for r in shown], errors, marker, color=colour, ms=4, alpha=0.8, label=backend)
        axis.set(title=quantity, xscale="log", ylim=(-40, 40))
        axis.set_yscale("symlog", linthresh=0.5, linscale=0.6)
        axis.axhline(0, color="0.6", lw=0.6, zorder=0)
        axis.set_yticks([-20, -5, -1, 0, 1, 5, 20], ["-20", "-5", "-1", "0", "1", "5", "20"])
    for axis in axes[:, 0]:
        axis.set_ylabel("error, %")
    for axis in axes[1]:
        axis.set_xlabel("cgroup limit, pages")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if not labels or "fileread" not in labels:
        handles, labels = axes.flat[2].get_legend_handles_labels()
    axes.flat[7].axis("off")
    axes.flat[7].legend(handles, labels, loc="center", frameon=False)
    return figure


def _curves(results: Sequence[Result]) -> Any:
    """Counters along replays: recorded samples as dots, the model as lines."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(PANELS), len(results), figsize=(1.9 * len(results), 8), sharex="col", layout="constrained"
    )
    for column, result in zip(axes.T, results, strict=True):
        column[0].set_title(result.case.name.replace("-s60", ""), fontsize=7)
        column[-1].set_xlabel("accesses, thousands")
        for axis, (label, columns) in zip(column, PANELS.items(), strict=True):
            _curve(axis, result, *columns)
            if axis in axes[:, 0]:
                axis.set_ylabel(f"{label}, k pages")
    return figure


def _curve(axis: "Axes", result: Result, recorded: str, simulated: str) -> None:
    kernel, series, kinds = curves()[result.case.name], result.series, result.case.kinds
    line = sum(series[name] for name in {simulated.format(kind) for kind in kinds})
    dots = sum(kernel[name] for name in {recorded.format(kind) for kind in kinds})
    axis.plot(series["access"] / 1e3, line / 1e3, "-", color="#0072B2", lw=1)
    axis.plot(kernel["at"] / 1e3, dots / 1e3, "o", color="#D55E00", ms=2.5, alpha=0.8)


def _lag(results: Sequence[Result]) -> Any:
    """Lagging statistics: the range of the simulated runs and the recorded count, relative to folded statistics."""
    import matplotlib.pyplot as plt

    shown = [result for result in results if not result.case.small and result.case.trace != "loop"]
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    rows = np.arange(len(shown))
    for axis, quantity in zip(axes, ("misses", "scans", "deactivations"), strict=True):
        for row, result in zip(rows, shown, strict=True):
            recorded, spread = result.case.value(quantity), result.range(quantity)
            if not recorded or spread is None:
                continue
            axis.plot(
                [value / recorded for value in spread],
                [row, row],
                color="#0072B2",
                lw=4,
                alpha=0.35,
                solid_capstyle="butt",
            )
            axis.plot((result.value(quantity) or 0) / recorded, row, "|", color="#0072B2", ms=9)
            axis.plot(1, row, "o", color="#D55E00", ms=3)
        axis.set(title=quantity, xlabel="simulated / recorded")
    axes[0].set_yticks(rows, [f"{result.case.trace} {result.case.percent} %" for result in shown])
    return figure
