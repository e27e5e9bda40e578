"""Patrol scrubbing: a daemon a node reads all of its memory in turn, so that single-bit errors are mended.

An example of a whole mechanism, not part of the model: see docs/mechanism/README.md.
"""
