"""A kernel that finds an invariant broken stops the machine."""

from mmrun.model.core.jit import kernel


@kernel
def panic(m, why, where):
    """Stop the machine: `why` is a code of `codes.BROKEN`, `where` a frame, zone or task number. The first counts."""
    if m.broken == 0:
        m.broken = why
        m.broken_arg = where
