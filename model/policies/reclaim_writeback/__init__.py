"""Variants of the policy axis `reclaim_writeback`; see `model.registry.AXES`."""
