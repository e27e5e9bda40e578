"""What can be read: requests, counters."""

from mmrun.model.core.mechanism import CORE, Subject, Told, counters, hooks

HOOKS = {
    **hooks(
        CORE,
        210,
        ("alloc_buffer", "task argument", "OK or OUT_OF_MEMORY; a buffer that is not to be had is counted"),
        ("free_buffer", "task argument", "OK or OUT_OF_MEMORY"),
        ("dontneed", "task argument", "OK or OUT_OF_MEMORY"),
        ("pin", "task argument", "OK or OUT_OF_MEMORY"),
        ("pin_longterm", "task argument", "OK or OUT_OF_MEMORY"),
        ("unpin", "task argument", "OK or OUT_OF_MEMORY"),
    ),
    **hooks(CORE, 218, ("sleep_until_ns", "task argument", "OK or OUT_OF_MEMORY")),
    **hooks(CORE, 69, ("release_pins", "task", "0, after every page that the task has pinned is let go")),
}

DRIVER_COUNTERS = counters("""
driver_alloc_success | none | buffers that drivers were given | events
driver_alloc_fail | lower | buffers that drivers asked for and were not given | events
driver_free | none | buffers that drivers gave back | events
nr_foll_pin_acquired | none | pages pinned for devices or pipes
nr_foll_pin_released | none | pages let go again
pin_failed | lower | pages that could not be moved to where they may be pinned for long
driver_late_ns | lower | time by which tasks woke later than they had asked for | ns
""")

COUNTERS = DRIVER_COUNTERS  # of the machine
GAUGES = counters("""
driver_pages | none | pages of the buffers that drivers hold when the run ends
""")
TOLD = (Told("machine", GAUGES, sampled=True),)

SUBJECTS = (
    Subject(
        "driver",
        "Buffers of drivers come as events of the streams `driver`, `camera`, `pinner` and `hog`: 2^order adjacent "
        "pages of a migratetype, kept under a number until they are given back; a buffer that is not to be had is "
        "counted and kills nobody.",
        ("driver_alloc_success", "driver_alloc_fail"),
        ("drivers", "dma buffer", "alloc_pages", "get_free_pages", "madvise", "madv_dontneed"),
    ),
    Subject(
        "pinned pages",
        "A pinned page is neither reclaimed nor moved until it is let go; streams of kind `pinner` pin theirs.",
        ("nr_foll_pin_acquired",),
        ("pin", "get_user_pages", "gup", "pin_user_pages", "foll_longterm", "vmsplice"),
    ),
)
