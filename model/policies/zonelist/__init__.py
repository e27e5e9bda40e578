"""Variants of the policy axis `zonelist`; see `model.registry.AXES`."""
