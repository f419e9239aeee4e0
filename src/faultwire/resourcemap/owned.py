"""Which servers a project owns, in a word for each."""

from collections.abc import Mapping

from faultwire.domain.ids import ProjectId, ServerId
from faultwire.domain.resources import Server

SPARE = 16
"""Names of servers that left which a project's list may hold, beside as many as are there."""


class Owned:
    """Lists of names by project, beside the table of servers, which it reads and never writes.

    A set for each project would take as much memory as the servers' own values. A name that is
    no longer right stays in its list until half of the list is like it.
    """

    def __init__(self, servers: Mapping[ServerId, Server]) -> None:
        """Take the table that says what there is."""
        self._servers = servers
        self._names: dict[ProjectId, list[ServerId]] = {}
        self._stale: dict[ProjectId, int] = {}

    def of(self, project: ProjectId) -> tuple[Server, ...]:
        """Return a project's servers in the order in which they came."""
        names = self._names.get(project, ())
        once = dict.fromkeys(names) if project in self._stale else names
        found = map(self._servers.get, once)
        return tuple([one for one in found if one is not None and one.project == project])

    def came(self, server: Server, before: Server | None) -> None:
        """Note a server that is new to its project; `before` is what it was, if it was."""
        self._names.setdefault(server.project, []).append(server.id)
        if before is not None:
            self.left(before.project)

    def left(self, project: ProjectId) -> None:
        """Note that a server of a project is gone; the table knows it already."""
        stale = self._stale[project] = self._stale.get(project, 0) + 1
        if stale <= SPARE + len(self._names[project]) // 2:
            return
        kept = [server.id for server in self.of(project)]
        del self._stale[project]
        if kept:
            self._names[project] = kept
        else:
            del self._names[project]
