"""When each actor runs next: a tournament tree over the times of tasks, kswapds, flushers and other daemons.

A leaf holds the time at which an actor wants to run, NEVER while it rests; an inner node holds the smaller of its two
children. The lower of two slots wins a tie.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import runqueue
from mmrun.model.machine.state import run_settings

NEVER = 1 << 62


@kernel
def schedule(m, slot, at):
    """Actor `slot` wants to run at time `at` (ns; NEVER: not until somebody wakes it)."""
    tree, i = runqueue(m), run_settings(m).actor_leaves + slot
    tree[i] = at
    while i > 1:
        i >>= 1
        smaller = min(tree[2 * i], tree[2 * i + 1])
        if tree[i] == smaller:
            return
        tree[i] = smaller


@kernel
def due(m, slot):
    """When actor `slot` wants to run (ns)."""
    return runqueue(m)[run_settings(m).actor_leaves + slot]


@kernel
def earliest(m):
    """(slot of the actor that runs next, its time, the time of the one after it)."""
    tree, i, second = runqueue(m), 1, NEVER
    while i < run_settings(m).actor_leaves:
        left = 2 * i
        if tree[left] == tree[i]:
            second, i = min(second, tree[left + 1]), left
        else:
            second, i = min(second, tree[left]), left + 1
    return i - run_settings(m).actor_leaves, tree[i], second
