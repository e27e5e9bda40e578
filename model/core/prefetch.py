"""Asking for a table entry before it is needed.

Which page is touched next is known long before; whether it hits is not, and a mispredicted branch that waits for memory
costs tens of nanoseconds. Asking a few accesses ahead makes it wait for the first-level cache instead.
"""

from mmrun.model.core.jit import intrinsic

AHEAD = 16  # accesses; about what memory takes, at a few nanoseconds an access


def _no_prefetch(table, index):
    """Nothing to ask for outside compiled code."""


prefetch = intrinsic("mmrun.model.core.prefetch_ir", "prefetch", _no_prefetch)
