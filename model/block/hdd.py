"""A rotating disk: seek, rotation, transfer at the rate of the zone (Ruemmler and Wilkes, IEEE Computer 27(3), 1994).

Places are 4 KiB blocks, numbered from the outermost track. The platter turns on with the clock, so what a request waits
for its sector follows from where the head arrives when; no random numbers. A request that starts where the last one
ended costs its transfer alone: the drive's buffer bridges the gap between them.
"""

import math

from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel

MILLION = 1_000_000


@kernel
def page_ps(m, disk, block):
    """Time (ps) in which a page at `block` passes under the head: the rate falls linearly from the outermost track."""
    d = disks(m)[disk]
    return d.read_page_ps * MILLION // (MILLION - (MILLION - d.inner_ppm) * block // d.nr_blocks)


@kernel
def seek_ns(m, disk, distance):
    """Time the head needs to a track `distance` blocks away: a + b sqrt(d) up to a third of the disk, then linear."""
    d = disks(m)[disk]
    third = d.nr_blocks // 3
    if distance <= third:
        return d.seek_track + (d.seek_average - d.seek_track) * int(math.sqrt(distance)) // int(math.sqrt(third))
    return d.seek_average + (d.seek_full - d.seek_average) * (distance - third) // (d.nr_blocks - third)


@kernel
def positioning_ns(m, disk, block, at):
    """How long it takes from time `at` until `block` passes under the head."""
    d = disks(m)[disk]
    if block == d.head:
        return 0
    ps = page_ps(m, disk, block)
    track = max(1, d.revolution * 1000 // ps)
    distance = abs(block - d.head)
    seek = seek_ns(m, disk, distance)
    wait = seek + (block % track * d.revolution // track - at - seek) % d.revolution
    if d.head < block < d.head + track:
        return min(wait, distance * ps // 1000)
    return wait


@kernel
def serve_hdd(m, disk, block, count, at):
    """When a request for `count` pages at `block`, begun at `at`, is done; the head stays behind it."""
    d = disks(m)[disk]
    position = positioning_ns(m, disk, block, at)
    if position:
        d.seeks += 1
        d.seek_ns += position
    d.head = block + count
    return at + position + page_ps(m, disk, block) * count // 1000
