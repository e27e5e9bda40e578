"""Threads of network block devices."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        177,
        ("nbd_thread", "number", "sends requests of a device, for ever"),
        ("nbd_do_it", "number", "takes the replies of a device, for ever"),
        ("nbd_timer", "number", "watches how long a device's requests take, for ever"),
        optional=True,
    ),
}
