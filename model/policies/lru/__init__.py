"""Variants of the policy axis `lru`; see `model.registry.AXES`."""
