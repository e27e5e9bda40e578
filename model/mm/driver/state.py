"""What drivers hold: their buffers, what became of every request, pinned pages."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.driver.settings import DRIVER_COUNTERS, GAUGES

LOGGED = 1 << 16  # results that are kept, the first ones of a run
FAILED = -1  # of a result's `pfn`
NO_ORDER = -1

# A buffer. `pfn`: its first frame + 1, 0: there is none; `order` of a block, else NO_ORDER; `pages` asked for;
# `contig`: contiguous memory for a device, from area `area`, or chained through FRAME.next.
BUFFER = row(pfn="i4", order="i4", area="i4", contig="i4", pages="i8")
RESULT = row(task="i4", number="i4", contig="i8", pfn="i8", pages="i8", ns="i8")  # of a request; `ns`: what it took
DRIVER = row(  # a task's rows of `buffers`; pages that it has pinned; when it starts (ns)
    first="i8", buffers="i8", pinned="i8", began="i8",
)  # fmt: skip

buffers = table(200, "buffers", BUFFER)
buffer_results = table(201, "buffer_results", RESULT)
driver_count = counts(202, "driver_count", *DRIVER_COUNTERS, *GAUGES)
drivers = table(203, "drivers", DRIVER)  # by task
pinned = table(204, "pinned", "i4")  # by page-table word: the frame it had when it was pinned, + 1
driver_log = one(205, "driver_log", row(results="i8"))  # requests made so far
