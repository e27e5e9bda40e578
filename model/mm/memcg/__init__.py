"""Memory cgroups: charges, walks over the tree of groups, protection, pressure, the soft limit's tree.

Source: mm/memcontrol.c, 3.1 to 6.18. What happens at a limit is in `limits`, which stands on reclaim.
"""
