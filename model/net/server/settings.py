"""Threads of storage servers."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = hooks(CORE, 94, ("server_thread", "number", "serves requests for swap, for ever"), optional=True)
