"""CLOCK: second chance with a hand over the frames.

A hit sets the page's reference bit. On a miss the hand sweeps the frames in a circle: a set bit is cleared and the
frame passed over, the first frame with a clear bit gives up its page to the newcomer, and the hand moves on behind it.
A page enters with its bit clear, so it needs a second touch to survive the hand. FIFO with reinsertion is the same
policy told from the queue's side: the same victims in the same order.

The reference bit is kept with the page, not the frame, so that a hit touches one byte. A sweep ends after at most one
turn: by then every bit is clear.

State: 1 B a page, 4 B a frame.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.prefetch import AHEAD, prefetch
from mmrun.model.yardstick.base import MISSES, OWN, RESIDENT, WRITEBACKS, Framed

HAND = OWN
ABSENT, PRESENT, REFERENCED, DIRTY = 0, 1, 2, 4


@kernel
def touch(pages, n, write, missed, state, frame, count):
    """Touch `pages[:n]`; `state` has a byte of bits a page, `frame` the page in each frame."""
    hand, resident, misses, writebacks = count[HAND], count[RESIDENT], 0, 0
    capacity = len(frame)
    for i in range(n):
        page = pages[i]
        prefetch(state, pages[min(i + AHEAD, n - 1)])
        bits = state[page]
        dirty = DIRTY if write[i] else 0
        if bits != ABSENT:
            state[page] = bits | REFERENCED | dirty
            missed[i] = False
            continue
        missed[i] = True
        misses += 1
        if resident < capacity:
            slot = resident
            resident += 1
        else:
            while state[frame[hand]] & REFERENCED:
                state[frame[hand]] &= ~REFERENCED
                hand = hand + 1 if hand + 1 < capacity else 0
            slot = hand
            prefetch(state, frame[hand + AHEAD if hand + AHEAD < capacity else 0])
            writebacks += 1 if state[frame[slot]] & DIRTY else 0
            state[frame[slot]] = ABSENT
            hand = hand + 1 if hand + 1 < capacity else 0
        frame[slot] = page
        state[page] = PRESENT | dirty
    count[HAND], count[RESIDENT] = hand, resident
    count[MISSES] += misses
    count[WRITEBACKS] += writebacks


class Clock(Framed):
    """The first page the hand meets that was not touched since it last passed leaves."""

    kernel = staticmethod(touch)
