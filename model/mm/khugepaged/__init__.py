"""khugepaged: a daemon that puts huge pages together from small ones (mm/khugepaged.c).

It goes round the address spaces that may have huge pages, so many pages at a time (khugepaged/pages_to_scan), and
looks at each range of 2 MiB word by word. One that passes all tests is collapsed: a huge page is allocated, swapped
pages are read back, and under the mmap lock, which faults of the task wait for, all is copied and mapped by one entry.
"""
