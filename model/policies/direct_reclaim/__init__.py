"""Variants of the policy axis `direct_reclaim`; see `model.registry.AXES`."""
