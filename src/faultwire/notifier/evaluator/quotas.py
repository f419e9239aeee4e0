"""How many alarms a project and a user may have: the memory of it, and who decides on it."""

from collections.abc import Callable
from typing import Any

from faultwire.domain import changes
from faultwire.domain.accounts import AuditRecord
from faultwire.domain.commands import SaveAlarm, SetQuota
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import OverQuota
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.instants import Instant
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.ports import Decider, View

ALARMS = "alarms"
UNLIMITED = -1


class QuotaBook:
    """All quotas; written on the event loop alone. Reading one never makes one."""

    def __init__(self) -> None:
        """Start empty, and without limits where nothing is said."""
        self._limits: dict[tuple[ProjectId, str], int] = {}
        self._project = self._user = UNLIMITED
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.QuotasSaved: self._saved,
            changes.QuotasRemoved: self._removed,
            changes.ProjectsRemoved: self._removed,
        }

    def default(self, project: int, user: int) -> None:
        """Set what holds for a project without a quota, and for every user; -1: no limit."""
        self._project, self._user = project, user

    def apply(self, change: changes.Change) -> None:
        """Take one committed change, or pass it over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def alarms(self, project: ProjectId) -> int:
        """Return how many alarms a project may have; -1: as many as it likes."""
        return self._limits.get((project, ALARMS), self._project)

    def room(self, index: AlarmIndex, project: ProjectId, user: UserId) -> bool:
        """Return whether project and user may have one more alarm; in constant time."""
        limit = self.alarms(project)
        if limit != UNLIMITED and index.owned(project) >= limit:
            return False
        return self._user == UNLIMITED or index.owned_by(user) < self._user

    def _saved(self, change: changes.QuotasSaved) -> None:
        for quota in change.quotas:
            self._limits[quota.project, quota.resource] = quota.limit

    def _removed(self, change: changes.QuotasRemoved | changes.ProjectsRemoved) -> None:
        for project in change.projects:
            self._limits.pop((project, ALARMS), None)


class SetQuotaDecider:
    """Sets a quota, or takes it back."""

    def decide(self, command: SetQuota, view: View, now: Instant) -> Deciding:
        """Answer None; who may have how much is in the audit record."""
        del view
        yield None
        quota, project = command.quota, command.project
        if quota is None:
            made: changes.Change = changes.QuotasRemoved((project,))
            detail = "the default again"
        else:
            made = changes.QuotasSaved((quota,))
            detail = f"{quota.resource}: {quota.limit}"
        record = AuditRecord(now.wall_ns, command.actor, "quota.update", project, detail)
        return Decided(changes=(made, changes.Audited((record,))))


class WithinQuota:
    """Lets alarms be created while there is room; all else of SaveAlarm is another's.

    It decides in the lane, as what it asks does: of two creations at once the second sees the
    first.
    """

    def __init__(self, inner: Decider[SaveAlarm], index: AlarmIndex, quotas: QuotaBook) -> None:
        """Take who decides, the index and the quotas, both only read."""
        self._inner = inner
        self._index = index
        self._quotas = quotas

    def decide(self, command: SaveAlarm, view: View, now: Instant) -> Deciding:
        """Answer as the inner decider does; raises OverQuota."""
        alarm = command.alarm
        if command.new and not self._quotas.room(self._index, alarm.project, alarm.user):
            message = f"Alarm quota exceeded for user {alarm.user} on project {alarm.project}"
            raise OverQuota(message)
        return (yield from self._inner.decide(command, view, now))
