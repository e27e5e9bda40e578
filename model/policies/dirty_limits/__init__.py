"""Variants of the policy axis `dirty_limits`; see `model.registry.AXES`."""
