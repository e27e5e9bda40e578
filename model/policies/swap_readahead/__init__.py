"""Variants of the policy axis `swap_readahead`; see `model.registry.AXES`."""
