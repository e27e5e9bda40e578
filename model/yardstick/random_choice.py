"""Random replacement: the victim's frame is drawn uniformly.

It needs no knowledge at all, so a policy that does worse is misled by its own bookkeeping (LRU on a loop a little
larger than memory). Draws come from a 64-bit xorshift generator whose state lives in the counters; it is seeded from
numpy's, so a run depends on its generator's seed and not on how the stream was cut into chunks.

State: 1 B a page, 4 B a frame.
"""

import numpy as np

from mmrun.model.core.jit import kernel
from mmrun.model.yardstick.base import MISSES, OWN, RESIDENT, WRITEBACKS, Framed

DRAW = OWN
ABSENT, PRESENT, DIRTY = 0, 1, 2
LOW_32 = (1 << 32) - 1
LOW_57 = (1 << 57) - 1


@kernel
def draw(x):
    """The next state of the generator; never 0 from a state that is not 0."""
    x ^= x << 13
    x ^= (x >> 7) & LOW_57
    return x ^ (x << 17)


@kernel
def touch(pages, n, write, missed, state, frame, count):
    """Touch `pages[:n]`; `state` has a byte of bits a page, `frame` the page in each frame."""
    x, resident, misses, writebacks = count[DRAW], count[RESIDENT], 0, 0
    capacity = len(frame)
    for i in range(n):
        page = pages[i]
        bits = state[page]
        dirty = DIRTY if write[i] else 0
        if bits != ABSENT:
            state[page] = bits | dirty
            missed[i] = False
            continue
        missed[i] = True
        misses += 1
        if resident < capacity:
            slot = resident
            resident += 1
        else:
            x = draw(x)
            slot = ((x >> 32 & LOW_32) * capacity) >> 32
            writebacks += 1 if state[frame[slot]] & DIRTY else 0
            state[frame[slot]] = ABSENT
        frame[slot] = page
        state[page] = PRESENT | dirty
    count[DRAW], count[RESIDENT] = x, resident
    count[MISSES] += misses
    count[WRITEBACKS] += writebacks


class RandomChoice(Framed):
    """Any page may leave, each with the same probability."""

    kernel = staticmethod(touch)

    def __init__(self, capacity: int, rng: np.random.Generator):
        super().__init__(capacity)
        self.count[DRAW] = rng.integers(1, np.iinfo(np.int64).max)
