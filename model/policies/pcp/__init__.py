"""Variants of the policy axis `pcp`; see `model.registry.AXES`."""
