"""Compaction: pages in use move to one end of a zone, so that free ones come together at the other (mm/compaction.c).

Two scanners walk towards each other: one takes pages that can be moved from the low end, the other free ones from the
high end to put them in. A task that finds no block large enough compacts itself; since 4.6 a daemon a node does it as
well, since 5.9 also while nobody has asked. A zone where it was in vain is left alone for a while, pageblocks where it
was are passed over.
"""
