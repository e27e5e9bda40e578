"""The ring, and what is let in."""

from mmrun.model.core.record import one, row, table

# `head`: words written; `begin`, `end`: ns between which events are kept; `lost`: those that found no room.
tracing = one(335, "tracing", row(head="i8", begin="i8", end="i8", lost="i8"))
trace_ring = table(331, "trace_ring", "i8")
trace_points = table(332, "trace_points", "i1")  # by a tracepoint's number: whether it is wanted
trace_actors = table(333, "trace_actors", "i1")  # by actor: whether its events are wanted
trace_off = table(336, "trace_off", "i1")  # by actor: whether it was told to be off its own CPU
trace_cpus = table(337, "trace_cpus", "i8")  # by CPU that actors share: the actor + 1 that it was told to run
