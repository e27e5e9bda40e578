"""The ring that tracepoints write to (kernel/trace/ring_buffer.c), while somebody watches.

Words of 64 bits: time (ns), `number | cpu << 16 | actor << 32`, then the fields. The ring is allocated before the run
and holds the first events; what finds no room is counted as lost. Which events are kept, of whom and when, is asked
before they are written. Without a watcher `m.tracing` is 0 and nothing here runs.
"""
