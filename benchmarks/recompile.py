"""What a mechanism's new field or counter compiles again: counted by giving it one and compiling."""

from collections.abc import Iterator

from benchmarks.measure import Row, python, run_child

LEAVES = ("damon", "slab_caches", "writeback_count")  # a field, a field, a counter
COUNT = """
import sys
from mmrun.model.core.record import DECLARED, row
from mmrun.model.library import schedule
from mmrun.model.library.frontend import front
from mmrun.model.library.main import quiet, roots
from mmrun.model.library.store import Store

def made(store):
    before = set(store.entries)
    schedule.complete(store, roots(), quiet)
    return len(set(store.entries) - before)

def forget(store):
    for of in schedule.reachable(of for of, _ in roots()):
        of.memo.clear()
    for known in (store.known, front.made, front.results, front.dispatchers):
        known.clear()

schedule.FEW = 1 << 20  # in this process: others would not see the change
store = Store()
made(store)
print(len(store.closure(roots())))
for name in sys.argv[1:]:
    accessor = next(one for one in DECLARED.values() if one.name == name)
    before, names = accessor.kind, accessor.kind.names
    accessor.kind = row(**{each: before.fields[each][0] for each in names}, another="i8")
    forget(store)
    print(made(store))
    accessor.kind = before
    forget(store)
"""


def recompiled(*names: str) -> tuple[int, dict[str, int]]:
    """Kernels in all; and how many are compiled again when the record or table of each name gets a field more."""
    total, *again = map(int, run_child([*python(COUNT), *names]).stdout.split())
    return total, dict(zip(names, again, strict=True))


def rows(quick: bool) -> Iterator[Row]:
    """The leaves, as shares of all kernels."""
    total, again = recompiled(*LEAVES)
    for name, count in again.items():
        share = 100 * count / total
        yield Row(
            "recompile", f"kernels compiled again for a field more in {name}", count, "kernels", share, "%",
            floor=10, aim=5, higher=False, note=f"of {total}",
        )  # fmt: skip
