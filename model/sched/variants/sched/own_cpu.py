"""Every actor has a CPU of its own: nobody waits for one, switches cost nothing, daemons take no time from tasks."""

SOURCE = "a machine with at least as many CPUs as tasks and daemons"
SHARED = False
