"""Variants of the policy axis `kswapd`; see `model.registry.AXES`."""
