"""Where the pages of files lie on their disks: in one piece, or in fragments anywhere."""

from model.jit import kernel
from model.state.block import disks
from model.state.fault import files

FACTOR, MODULUS = 48271, (1 << 31) - 1  # minimal standard generator: fragments lie as at random, but always there


@kernel
def block_of(m, file, slot):
    """The block on its disk of the file's page at page-cache slot `slot`."""
    f = files(m)[file]
    page = slot - f.start
    if f.extent == 0:
        return f.first_block + page
    places = max(1, disks(m)[f.disk].nr_blocks // f.extent)
    seed = (f.first_block + page // f.extent) % (MODULUS - 1) + 1
    return seed * FACTOR % MODULUS * FACTOR % MODULUS % places * f.extent + page % f.extent


@kernel
def pages_in_place(m, file, slot):
    """How many pages from slot `slot` on lie one behind the other on the disk."""
    f = files(m)[file]
    page = slot - f.start
    rest = f.npages - page
    return rest if f.extent == 0 else min(rest, f.extent - page % f.extent)
