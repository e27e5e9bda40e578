"""Idle page tracking: who looks at accessed bits, how old pages are by that, and the truth to judge it by.

Source: mm/page_idle.c, the kstaled patches of 2011, Lagar-Cavilla et al. 2019 (`far_memory`). `proactive` variants
shrink groups by what was found.
"""
