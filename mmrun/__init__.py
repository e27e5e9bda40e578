"""mmrun, a laboratory for Linux memory management: everything installed is imported by this name.

The folders `model/` and `runner/` are the packages `mmrun.model` and `mmrun.runner` (setup.py).
"""
