"""The page-accurate model of a machine's memory management.

Importing the package fixes where compiled kernels are cached, which must be set before numba is imported anywhere,
hence here.
"""

from mmrun.model.core import cache

cache.configure()
