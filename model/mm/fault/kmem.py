"""Small objects of the kernel that have no slab cache of their own here: nodes of the page cache's tree."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.memcg.memcontrol import kmem_group, mod_slab_bytes
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.units import PAGE

kernel_frame = caller("kernel_frame")


@kernel
def charge_bytes(m, t, nbytes):
    """Charge a small kernel object; a page is charged when the group's byte stock runs out. 0 = no memory.

    In the kernel: kmem_cache_alloc, obj_cgroup_charge.
    """
    group = memcgs(m)[kmem_group(m, t)]
    while group.kmem_stock < nbytes:
        if kernel_frame(m, t, GFP_KERNEL) == NONE:
            return 0
        group.kmem_stock += PAGE
    group.kmem_stock -= nbytes
    mod_slab_bytes(m, kmem_group(m, t), nbytes)
    return 1
