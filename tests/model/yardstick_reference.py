"""The four yardsticks once more, written to be read: which accesses miss, and how many dirty pages leave."""

from collections import OrderedDict
from collections.abc import Sequence

Outcome = tuple[list[bool], int]  # a miss bit an access, write-backs


def exact_lru(pages: Sequence[int], writes: Sequence[bool], capacity: int) -> Outcome:
    memory: OrderedDict[int, bool] = OrderedDict()  # page -> dirty, least recently used first
    misses, writebacks = [], 0
    for page, write in zip(pages, writes, strict=True):
        misses.append(page not in memory)
        if page not in memory and len(memory) == capacity:
            writebacks += memory.popitem(last=False)[1]
        memory[page] = memory.get(page, False) or write
        memory.move_to_end(page)
    return misses, writebacks


def clock(pages: Sequence[int], writes: Sequence[bool], capacity: int) -> Outcome:
    """Told from the queue's side: a page with its bit set goes round once more, with the bit cleared."""
    queue: list[int] = []
    referenced: dict[int, bool] = {}
    dirty: dict[int, bool] = {}
    misses, writebacks = [], 0
    for page, write in zip(pages, writes, strict=True):
        misses.append(page not in referenced)
        if page in referenced:
            referenced[page] = True
            dirty[page] |= write
            continue
        if len(queue) == capacity:
            while referenced[queue[0]]:
                referenced[queue[0]] = False
                queue.append(queue.pop(0))
            victim = queue.pop(0)
            del referenced[victim]
            writebacks += dirty.pop(victim)
        queue.append(page)
        referenced[page], dirty[page] = False, write
    return misses, writebacks


def opt(pages: Sequence[int], writes: Sequence[bool], capacity: int) -> Outcome:
    """Looks ahead. Of pages never used again the least recently used leaves."""
    never = len(pages)
    next_use, seen = [never] * len(pages), {}
    for i in reversed(range(len(pages))):
        next_use[i] = seen.get(pages[i], never)
        seen[pages[i]] = i
    memory: dict[int, tuple[int, int]] = {}  # page -> (next use, minus the latest use)
    dirty: dict[int, bool] = {}
    misses, writebacks = [], 0
    for i, (page, write) in enumerate(zip(pages, writes, strict=True)):
        misses.append(page not in memory)
        if page not in memory and len(memory) == capacity:
            victim = max(memory, key=memory.__getitem__)
            del memory[victim]
            writebacks += dirty.pop(victim)
        memory[page] = (next_use[i], -i)
        dirty[page] = dirty.get(page, False) or write
    return misses, writebacks


def random(pages: Sequence[int], writes: Sequence[bool], capacity: int, seed: int) -> Outcome:
    """Draws frames from xorshift64 (shifts 13, 7, 17): the upper half of the state, scaled."""
    frames: list[int] = []
    dirty: dict[int, bool] = {}
    misses, writebacks = [], 0
    x, mask = seed, (1 << 64) - 1
    for page, write in zip(pages, writes, strict=True):
        misses.append(page not in dirty)
        if page not in dirty:
            if len(frames) < capacity:
                frames.append(page)
            else:
                x ^= x << 13 & mask
                x ^= x >> 7
                x ^= x << 17 & mask
                slot = (x >> 32) * capacity >> 32
                writebacks += dirty.pop(frames[slot])
                frames[slot] = page
            dirty[page] = False
        dirty[page] |= write
    return misses, writebacks


REFERENCE = {"exact-lru": exact_lru, "clock": clock, "opt": opt}
