"""Page migration: a page moves to another frame while it is mapped, cached and maybe used (mm/migrate.c).

A folio is taken off its list, its page-table words become migration entries, on which whoever touches it meanwhile
waits, and if nobody but its mapping refers to it, its place in the page or swap cache, its flags, its charge and its
contents pass on to another frame; the words then point there. Callers (move_pages, mbind, compaction, demotion, hint
faults, pins for long) differ in the mode, which says over what the mover may sleep, and in where new frames come from.
"""
