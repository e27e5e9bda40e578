"""What is told of socket buffers."""

from mmrun.model.machine.built import Built
from mmrun.model.net.skb.state import skb_state


def sampled(built: Built) -> dict[str, int]:
    """Pages of slabs and of blocks that are cut up, and buffers."""
    state = skb_state(built.memory.m)
    return {
        "skb_slab_pages": int(built.memory.table("skb_caches")["nr_pages"].sum()),
        "skb_frag_pages": int(state.frag_pages), "nr_skbs": int(state.nr_skbs),
    }  # fmt: skip
