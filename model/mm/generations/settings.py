"""What can be varied and read: counters."""

from mmrun.model.core.mechanism import Matters, Subject, counters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

GENERATION_COUNTERS = counters("""
lru_gen_aged | none | times a lruvec got a new youngest generation | events
lru_gen_leaf_total | lower | page-table words that aging walks looked at | words
lru_gen_leaf_young | none | young page-table words that aging walks found and cleared | words
lru_gen_walk_ns | lower | CPU time of aging walks, on the clock of whoever reclaims | ns
""")

COUNTERS = GENERATION_COUNTERS  # of the machine


AGED = Matters("a cell with generations (+mglru)", lambda case, _: "GENERATIONS" in case.variants["lru"].constants)


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = AGED
    walk_pte: Nanoseconds = 7
    """Looking at one page-table entry in a walk of whole tables (5-10, estimate)."""


SUBJECTS = (
    Subject(
        "mglru",
        'The multi-generational LRU: write the kernel as "6.18+mglru", or `policy: {lru: mglru}`.',
        ("lru/mglru", "lru_gen_aged", "machine.background_switch"),
        ("lru_gen", "multi-generational lru", "multigenerational lru", "min_ttl_ms"),
    ),
)
