"""Swap areas, their slots, and reading around a fault (mm/swapfile.c, mm/swap_state.c)."""
