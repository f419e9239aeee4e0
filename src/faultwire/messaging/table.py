"""The table of remote calls: every API, its versions and why each came, its methods.

This is the only place where a call is added or changed; docs/rpc.md says how. The history in the
documentation and in the docstrings of the clients is generated from here. Pure.
"""

from faultwire.messaging.versions import (
    Api,
    Argument,
    Kind,
    Method,
    Older,
    Renamed,
    Step,
    Table,
    Version,
)

RELEASES = ("amber", "brass", "copper", "dynamo")
"""Names of the releases as `[upgrade_levels]` takes them, oldest first; the last is this one."""

_1_0 = Version(1, 0)
_1_1 = Version(1, 1)
_1_2 = Version(1, 2)

BASEAPI = Api(
    name="baseapi",
    topic="baseapi",
    history=(
        Step(_1_0, "amber", "First version: rpc_ping, which every process answers."),
        Step(_1_1, "brass", "get_versions, so that callers need not guess what a peer speaks."),
    ),
    methods=(
        Method("rpc_ping", _1_0),
        Method("get_versions", _1_1),
    ),
)
"""Answered by every process at each of its topics; `to` is the topic."""

TASKMANAGER = Api(
    name="taskmanager",
    topic="taskmanager",
    history=(
        Step(_1_0, "amber", "First version: restart_guest, evacuate_host."),
        Step(_1_1, "brass", "task_id, so that progress can be read while it works."),
        Step(_1_2, "copper", "evacuate_host takes the hosts that servers may go to."),
    ),
    methods=(
        Method(
            "restart_guest",
            _1_0,
            (
                Argument("instance_id", Kind.TEXT),
                Argument("task_id", Kind.TEXT, since=_1_1),
            ),
        ),
        Method(
            "evacuate_host",
            _1_0,
            (
                Argument("host", Kind.TEXT),
                Argument("task_id", Kind.TEXT, since=_1_1),
                Argument("targets", Kind.NAMES, most=1000, since=_1_2, older=Older.REFUSE),
            ),
        ),
    ),
)
"""Any one task manager takes a call."""

GUESTAGENT = Api(
    name="guestagent",
    topic="guestagent",
    each=True,
    history=(
        Step(_1_0, "amber", "First version: rpc_ping, restart."),
        Step(_1_1, "brass", "get_diagnostics; restart takes the reason, for the guest's log."),
        Step(_1_2, "copper", "get_diagnostics may be asked for some sections only."),
    ),
    methods=(
        Method("rpc_ping", _1_0),
        Method("restart", _1_0, (Argument("reason", Kind.TEXT, since=_1_1),)),
        Method(
            "get_diagnostics",
            _1_1,
            (Argument("sections", Kind.NAMES, most=32, since=_1_2),),
        ),
    ),
)
"""Each guest serves its own topic, ``guestagent.ID``; `to` is the guest's id."""

CONDUCTOR = Api(
    name="conductor",
    topic="trove-conductor",
    renamed=Renamed("dynamo", "conductor"),
    history=(
        Step(_1_0, "amber", "First version: heartbeat with the status of the service."),
        Step(
            _1_1,
            "brass",
            "report_fault; heartbeat says which version of guestagent the guest speaks.",
        ),
        Step(
            _1_2,
            "copper",
            "heartbeat is numbered, so that order does not hang on the guest's clock;"
            " report_fault carries details.",
        ),
    ),
    methods=(
        Method(
            "heartbeat",
            _1_0,
            (
                Argument("instance_id", Kind.TEXT),
                Argument("payload", Kind.DOCUMENT, most=4096),
                Argument("sent", Kind.REAL, optional=True),
                Argument("rpc_version", Kind.TEXT, most=16, since=_1_1),
                Argument("boot_id", Kind.TEXT, most=64, since=_1_2),
                Argument("sequence", Kind.WHOLE, since=_1_2),
            ),
        ),
        Method(
            "report_fault",
            _1_1,
            (
                Argument("instance_id", Kind.TEXT),
                Argument("fault_type", Kind.TEXT),
                Argument("details", Kind.DOCUMENT, most=16384, since=_1_2),
            ),
        ),
    ),
)
"""Any one conductor takes a call; only guests call it. The topic has Trove's name (S220): its
former one is that of Nova's conductor."""

TABLE = Table(RELEASES, (BASEAPI, TASKMANAGER, GUESTAGENT, CONDUCTOR))
