"""Signs of life, and what was found in the end."""

from mmrun.model.core.record import one, row

ALIVE, DEADLOCK, LIVELOCK = 0, 1, 2

# `stop_at`: when the engine is to stop (ns), the end of the run at the latest; `look_at`: when it is to look again;
# `seen`: a number that changed whenever somebody got somewhere, `since`: when it was found changed; `hope`: until when
# somebody is known to come who will change things, as a server that answers again (ns); `cause`: DEADLOCK .., `found`:
# when (ns). `snapshot_at`: when somebody wants to see the machine (ns), NEVER: nobody.
LIFE = row(
    stop_at="i8", seen="i8", since="i8", hope="i8", cause="i8", found="i8", look_at="i8", snapshot_at="i8",
)  # fmt: skip
life = one(326, "life", LIFE)
