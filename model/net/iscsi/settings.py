"""Workers of iSCSI sessions, and the daemon that logs in."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        183,
        ("iscsi_xmitworker", "number", "sends commands of a session, for ever"),
        ("iscsi_sw_tcp_recv", "number", "takes the responses of a session, for ever"),
        ("iscsi_timers", "number", "watches a session's connection, for ever"),
        ("iscsid", "number", "logs in again when a session has lost its connection, for ever"),
        optional=True,
    ),
}
