"""Variants of the policy axis `reclaim_throttle`; see `model.registry.AXES`."""
