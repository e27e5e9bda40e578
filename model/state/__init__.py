"""What each mechanism keeps: its rows, tables, records and counters, one file a mechanism.

A file here imports only `model.core` and the names of counters. A field says its unit and who writes it where that is
not obvious. Numbers are spaced so that a mechanism's stand together; a taken one is refused with the next that is free.
"""
