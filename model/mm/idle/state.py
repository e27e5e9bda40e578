"""Who looks at accessed bits: idle page tracking, DAMON, far memory; and when pages were really used.

The file to copy for a new mechanism: its rows, tables and single records under numbers of its own, its settings, its
counters. Outside it only the list in model/core/memory.py changes and, for tables, how many rows there are
(model/build.py).
"""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.idle.settings import IDLE_COUNTERS

SCANNER = row(pos="i8", part="i8", started="i8", phase="i8", rounds="i8", judged="i8")  # a daemon on its way
IDLE_STATS = row(  # of a group on a node, in scans: pages by age, pages used again by the age they had reached
    counting=("i8", (256,)), ages=("i8", (256,)), promoted=("i8", (256,)),
    counting_class=("i8", (3, 8)), by_class=("i8", (3, 8)),
)  # fmt: skip
FAR = row(  # far memory's view of a group; minutes by their best threshold, promotions by age
    threshold="i8", minutes="i8", best=("i8", (257,)), before=("i8", (256,)), fresh=("i8", (256,)),
)  # fmt: skip
DAMON_REGION = row(start="i8", end="i8", target="i8", nr_accesses="i8", last="i8", age="i8", sample="i8")
DAMON = row(  # one monitoring context with at most one scheme; `left`: sampling intervals to the next aggregation
    ready="i8", nr="i8", nr_targets="i8", pages="i8", min_regions="i8", max_regions="i8", last_nr="i8", by_task="i8",
    sample_ns="i8", samples="i8", left="i8", prepared="i8", rng="i8", aggregations="i8",
    active="i8", scheme_age="i8", esz="i8", min_score="i8", charged_from="i8", charged_bytes="i8", total_bytes="i8",
    total_ns="i8", from_target="i8", from_page="i8", histogram=("i8", (100,)),
)  # fmt: skip

scanners = table(180, "scanners", SCANNER)  # one a node, or row 0 for the machine
kreclaimd = one(181, "kreclaimd", SCANNER)
idle_age = table(182, "idle_age", "u1")  # of a frame, in rounds of its scanner
last_touch = table(183, "last_touch", "i4")  # of a frame, by the engine: the truth that scanners estimate
idle_stats = table(184, "idle_stats", IDLE_STATS)
damon = one(185, "damon", DAMON)
damon_regions = table(186, "damon_regions", DAMON_REGION)
slot_used = table(187, "slot_used", "i4")
tried = table(188, "tried", "u1")
far = table(189, "far", FAR)
idle_settings = one(190, "idle_settings", row(cold_after="i8", scan_ns="i8", lose_young="i8"))  # ns, ns, 0 or 1
idle_costs = one(191, "idle_costs", row(pfn_walk="i8", rmap_check="i8", damon_sample="i8"))  # ns a page
watch = one(192, "watch", row(idle_tracking="i8"))  # 1: frames and accesses are watched
idle_count = counts(193, "idle_count", *IDLE_COUNTERS)
