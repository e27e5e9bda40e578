"""What changed with the versions of Linux: one file a mechanism, named as in `model/state/`.

Each has `DATED`, lines in the words of `model.core.timeline`: axes, parameters of variants, flags, sysctls with their
ranges, settings of groups, placement modes, and gaps (where the model does otherwise than a version). Sources are
functions and files of the version named, or the change by its title. No numba and no numpy here.
"""
