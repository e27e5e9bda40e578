"""Workers of swap files on a file server."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        180,
        ("rpciod", "number", "sends calls of a mount, for ever"),
        ("xs_stream_data_receive", "number", "takes the answers to a mount's calls, for ever"),
        ("xs_tcp_setup_socket", "number", "connects a mount again, for ever"),
        optional=True,
    ),
}
