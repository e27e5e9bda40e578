"""The daemon that ext4 has."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = hooks(CORE, 152, ("ext4_end_io", "journal", "tells of extents that have been written, for ever"))
