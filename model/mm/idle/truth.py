"""What the model knows and no kernel does: when each frame was last touched; scanners are judged by it.

Touches are stamped in units of 2^20 ns (1.05 ms), 0 for a page that nobody has touched since it was allocated (read
ahead, mapped around a fault). A page is cold when its last touch is `cold_after` or more ago; the working set is
every other page on the lists. Judging costs the simulated machine nothing.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.idle.state import idle_age, idle_count, idle_settings, last_touch, scanners
from mmrun.model.mm.lru.rmap import pte_frame
from mmrun.model.mm.page.flags import ANON, LRU
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import REGION_READ, cache, files, pte, regions
from mmrun.model.mm.task.words import maps

STAMP_SHIFT = 20


@kernel
def stamp(now):
    """The stamp of a touch at time `now`."""
    return (now >> STAMP_SHIFT) + 1


@kernel
def note_access(m, region, page):
    """Stamp the frame behind an access that went through the kernel, if it has one by now."""
    r = regions(m)[region]
    if r.kind == REGION_READ:
        pfn = cache(m)[files(m)[r.file].start + r.file_offset + page - r.first] - 1
        if pfn >= 0:
            last_touch(m)[folio_of(m, pfn)] = stamp(m.now)
        return
    word = pte(m)[r.start + page - r.first]
    if maps(word):
        last_touch(m)[pte_frame(word)] = stamp(m.now)


@kernel
def truly_hot(m, pfn):
    """Whether the frame was touched within the last `cold_after`, or a page of the file's folio that it begins."""
    pages = 1 if frames(m)[pfn].state & ANON else nr_pages(m, pfn)
    newest = 0
    for i in range(pfn, pfn + pages):
        newest = max(newest, last_touch(m)[i])
    return newest > stamp(max(0, m.now - idle_settings(m).cold_after))


@kernel
def judgement_due(m, scanner):
    """Whether the end of this round counts.

    From twice `cold_after` on, when there is a past to be cold in, and at most eight times a `cold_after`.
    """
    return (
        m.now >= 2 * idle_settings(m).cold_after
        and m.now - scanners(m)[scanner].judged >= idle_settings(m).cold_after >> 3
    )


@kernel
def judge(m, scanner, first, end, cold_age):
    """Hold a scanner's ages of frames `first` to `end` against the truth; it calls a page cold from `cold_age`."""
    if not judgement_due(m, scanner):
        return
    scanners(m)[scanner].judged = m.now
    f, age, count = frames(m), idle_age(m), idle_count(m)
    hot = called_hot = cold_found = cold_missed = cold_false = 0
    for pfn in range(first, end):
        if not f[pfn].state & LRU:
            continue
        truth, verdict = truly_hot(m, pfn), age[pfn] < cold_age
        if truth:
            hot += 1
        if verdict:
            called_hot += 1
        if truth and not verdict:
            cold_false += 1
        if not truth and verdict:
            cold_missed += 1
        if not truth and not verdict:
            cold_found += 1
    count.idle_rounds += 1
    count.ws_true += hot
    count.ws_estimated += called_hot
    count.ws_over += max(0, called_hot - hot)
    count.ws_under += max(0, hot - called_hot)
    count.cold_found += cold_found
    count.cold_missed += cold_missed
    count.cold_false += cold_false
