"""A described trace as text and CSV."""

import csv
import io
import json

from mmrun.model.trace.info import Description
from mmrun.model.units import PAGE, MiB

ROWS = 20  # of the working set in the summary


def summary(found: Description) -> str:
    """The trace in a screenful: identity, sizes, miss curve, working set."""
    reads = found.accesses - found.writes
    share = found.writes / max(found.accesses, 1)
    lines = [
        f"trace      {found.path}",
        f"digest     {found.digest}",
        f"made       {json.dumps(found.made)}",
        f"stored     {', '.join(f'{name} {encoding}' for name, encoding in found.encodings.items())}",
        f"footprint  {found.npages:,} pages ({_mib(found.npages)})",
        f"touched    {found.touched:,} pages, {found.written:,} of them written",
        f"accesses   {found.accesses:,}: {found.writes:,} writes ({share:.1%}), {reads:,} reads",
    ]
    if len(found.accesses_by_task) > 1:
        lines.append("tasks      " + ", ".join(f"{task}: {n:,}" for task, n in enumerate(found.accesses_by_task)))
    lines += ["", "Exact LRU", f"{'pages':>12} {'memory':>12} {'misses':>12} {'miss ratio':>11}"]
    for size in found.sizes():
        lines.append(f"{size:>12,} {_mib(size):>12} {int(found.misses[size]):>12,} {found.miss_ratio(size):>11.4%}")
    lines += ["", f"Working set, in windows of {found.window:,} accesses"]
    lines.append(f"{'access':>12} {'pages':>12} {'written':>12} {'new':>11}")
    step = max(1, -(-len(found.working_set) // ROWS))
    for row in found.working_set[::step]:
        lines.append(f"{row[0]:>12,} {row[1]:>12,} {row[2]:>12,} {row[3]:>11,}")
    if step > 1:
        lines.append(f"(every {step}th window; --csv working-set has all)")
    return "\n".join(lines) + "\n"


def curve_csv(found: Description, curve: str) -> str:
    """The miss curve at every memory size (`lru`) or the working set at every window (`working-set`)."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    if curve == "lru":
        table.writerow(["memory_pages", "misses", "miss_ratio"])
        for size in range(found.touched + 1):
            table.writerow([size, int(found.misses[size]), f"{found.miss_ratio(size):.9g}"])
    else:
        table.writerow(["access", "working_set_pages", "written_pages", "new_pages"])
        table.writerows(found.working_set.tolist())
    return out.getvalue()


def _mib(pages: int) -> str:
    return f"{pages * PAGE / MiB:,.2f} MiB"
