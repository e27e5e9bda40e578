"""Page cache that was read before the cell begins: the movable pages in use of a machine that starts aged."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.limits.limits import charge
from mmrun.model.mm.lru.lru import lru_add, lru_add_drain_all
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES, PGPGIN
from mmrun.model.mm.page.flags import FILE_PAGE, NEW
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import cache, files


@kernel
def left_in_cache(m, file, pfns, first):
    """Make frames in use, in their order, pages `first` and following of a file that nobody has open; clean, unread."""
    f = frames(m)
    for i in range(len(pfns)):
        pfn, index = pfns[i], files(m)[file].start + first + i
        charge(m, 0, 0)
        page = f[pfn]
        page.owner, page.slot, page.kind, page.state, page.memcg, page.mapcount = index, file, FILE_PAGE, NEW, 0, 0
        cache(m)[index] = pfn + 1
        files(m)[file].nr_cached += 1
        zones(m)[page.zone].nr_file += 1
        mod_state(m, 0, PGPGIN, 1)
        mod_state(m, 0, NR_FILE_PAGES, 1)
        lru_add(m, pfn)
    lru_add_drain_all(m)
