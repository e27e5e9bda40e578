"""Variants of the policy axis `sched`; see `mmrun.model.registry.AXES`."""
