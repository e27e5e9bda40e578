"""Drivers and what programs ask of memory beside touching it: buffers of the kernel's, madvise, pinned pages.

A driver's buffer is 2^order adjacent frames in the kernel's use, kept under a number until it is given back. What no
touch of a page says comes as requests (model/core/events.py): each is a hook in the slot of the event's operation.
"""
