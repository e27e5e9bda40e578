"""The page-accurate model of a machine's memory management.

Importing the package fixes where compiled kernels are cached and which locator decides whether they are fresh; both
must be set before numba is imported anywhere, hence here.
"""

from mmrun.model.core import cache

cache.configure()
