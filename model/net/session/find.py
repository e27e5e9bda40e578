"""Which session is meant."""

from mmrun.model.core.jit import kernel
from mmrun.model.net.session.state import sessions


@kernel
def nth(m, kind, number):
    """The `number`-th session of a kind."""
    left = number
    for s in range(len(sessions(m))):
        if sessions(m)[s].kind == kind:
            if left == 0:
                return s
            left -= 1
    return len(sessions(m))
