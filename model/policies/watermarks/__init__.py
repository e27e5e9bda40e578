"""Variants of the policy axis `watermarks`; see `model.registry.AXES`."""
