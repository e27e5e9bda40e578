"""Cards that read and write far memory."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(CORE, 187, ("rdma_card", "number", "posts requests and ends them, for ever"), optional=True),
}
