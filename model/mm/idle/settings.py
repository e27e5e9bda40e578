"""What can be varied and read: axes, hooks, counters."""

from mmrun.model.core.mechanism import CORE, Axis, Counter, Matters, Told, counters, hooks
from mmrun.model.mm.idle.idle_stats import idle_fields
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

SCANNED = Matters("a cell with an idle page scanner", lambda case, _: case.variants["idle"].name != "none")
AXES = (
    Axis("idle", 10, "idle page tracking: who looks at accessed bits, how often", ("SCANNERS",)),
    Axis(
        "proactive", 11, "proactive reclaim: controllers that shrink groups before there is pressure", ("CONTROLLERS",)
    ),
)

HOOKS = {
    **hooks(
        CORE,
        14,
        ("scanner", "scanner", "idle_step, for ever"),
        ("controller", "controller", "proactive_step, for ever"),
    ),
    **hooks(
        "idle",
        120,
        ("idle_step", "scanner", "the next bounded piece of work, time passing on m.now; when to go on (ns)"),
    ),
    **hooks(
        "proactive",
        124,
        ("proactive_step", "controller", "the same for a controller in user space"),
    ),
}

IDLE_COUNTERS = counters("""
idle_scan_ns | lower | CPU time of idle page scanners | ns
idle_rounds | none | rounds of an idle page scanner that were compared with the truth | events
ws_true | none | pages of the working set by truth, summed over those rounds
ws_estimated | none | pages the scanner took for the working set, summed over those rounds
ws_over | lower | pages by which it overestimated the working set, summed over the rounds where it did
ws_under | lower | pages by which it underestimated the working set, summed over the rounds where it did
cold_found | higher | cold pages that the scanner called cold, summed over rounds
cold_missed | lower | cold pages that it took for the working set, summed over rounds
cold_false | lower | pages of the working set that it called cold, summed over rounds
damon_samples | lower | pages whose accessed bit DAMON sampled
damon_samplings | none | times that DAMON sampled a page of every region | events
damos_nr_tried | none | regions that a DAMON scheme took | regions
damos_sz_tried | none | size of those regions | bytes
damos_sz_applied | none | what the scheme reclaimed of them | bytes
far_ws | none | pages of the working set as far memory sees it, summed over minutes
far_cold | none | cold pages in memory and pages in far memory, summed over minutes
far_stored | none | pages in far memory, summed over minutes
far_rejected | lower | pages that far memory compressed in vain
damos_qt_exceeds | lower | charge windows in which a scheme's quota was used up | events
proactive_ns | lower | CPU time of proactive reclaimers | ns
""")

COUNTERS = IDLE_COUNTERS  # of the machine

IDLE_SIZES = {name: Counter(name, "bytes", doc) for name, doc in idle_fields().items()}
TOLD = tuple(
    Told(scope, IDLE_SIZES, when=lambda case: case.variants["idle"].keeps == "ages") for scope in ("machine", "cgroup")
)


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = SCANNED
    rmap_check: Nanoseconds = 150
    """An idle page scanner looks up a page's mappings and clears their young bits (50-500)."""
    pfn_walk: Nanoseconds = 5
    """An idle page scanner passes over a frame or a region without looking at accessed bits (estimate)."""
