"""hugetlbfs: pools of huge pages that the administrator sets aside, promised to mappings before they are touched.

A pool of each size (2 MiB, 1 GiB) has persistent pages, taken at boot or by vm.nr_hugepages, and surplus ones, taken
from the buddy allocator when a mapping asks for more than there are (vm.nr_overcommit_hugepages) and given back with
their last use. Who maps memory of a pool reserves all its pages at once; a fault takes one of those. Pool pages are on
no LRU list and nothing reclaims them. Source: mm/hugetlb.c, 6.12; Documentation/mm/hugetlbfs_reserv.rst.
"""
