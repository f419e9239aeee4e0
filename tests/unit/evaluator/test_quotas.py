"""Quotas of alarms: who may have how many, and who decides."""

import pytest

from faultwire.domain.accounts import Actor, WebhookSecret
from faultwire.domain.alarms import Alarm, Quota
from faultwire.domain.changes import (
    AlarmsRemoved,
    AlarmsSaved,
    ProjectsRemoved,
    QuotasRemoved,
    QuotasSaved,
)
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetQuota
from faultwire.domain.errors import OverQuota
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import Clause, EventRule
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.quotas import QuotaBook
from faultwire.testing.chain import InProcess

P, Q = ProjectId("p"), ProjectId("q")
U, V = UserId("u"), UserId("v")
ACTOR = Actor("admin", "p-admin", "192.0.2.1")


def alarm(name: str, project: ProjectId = P, user: UserId = U) -> Alarm:
    return Alarm(AlarmId(name), project, user, name, "event", EventRule(Clause("*")))


def create(product: InProcess, name: str, project: ProjectId = P, user: UserId = U) -> None:
    secret = WebhookSecret(project, "whsec_x", 1)
    product.run(SaveAlarm(alarm(name, project, user), True, ACTOR, secret))


def test_without_a_word_there_is_no_limit() -> None:
    """The defaults are Aodh's."""
    product = InProcess()
    for number in range(20):
        create(product, f"a{number}")
    assert product.indexes.quotas.alarms(P) == -1


def test_a_project_has_its_quota_or_the_default() -> None:
    """The last place is taken once; what is deleted makes room; -1 is no limit."""
    product = InProcess()
    product.indexes.quotas.default(project=1, user=-1)
    create(product, "a")
    with pytest.raises(OverQuota, match="Alarm quota exceeded for user u on project p"):
        create(product, "b")
    create(product, "of another project", Q)
    product.run(RemoveAlarm(AlarmId("a"), ACTOR))
    create(product, "b")
    product.run(SetQuota(P, Quota(P, "alarms", 2), ACTOR))
    create(product, "c")
    with pytest.raises(OverQuota):
        create(product, "d")
    product.run(SetQuota(P, Quota(P, "alarms", -1), ACTOR))
    create(product, "d")
    product.run(SetQuota(P, None, ACTOR))
    with pytest.raises(OverQuota):
        create(product, "e")


def test_a_user_has_one_limit_in_all_projects() -> None:
    """Alarms are counted by their owner; another user's do not count."""
    product = InProcess()
    product.indexes.quotas.default(project=-1, user=2)
    create(product, "a", P)
    create(product, "b", Q)
    with pytest.raises(OverQuota, match="for user u on project q"):
        create(product, "c", Q)
    create(product, "c", Q, V)


def test_a_full_project_may_still_change_what_it_has() -> None:
    """Only creation asks for room."""
    product = InProcess()
    create(product, "a")
    product.run(SetQuota(P, Quota(P, "alarms", 0), ACTOR))
    secret = WebhookSecret(P, "whsec_x", 1)
    product.run(SaveAlarm(alarm("a"), False, ACTOR, secret))
    with pytest.raises(OverQuota):
        create(product, "b")


def test_quotas_survive_a_restart() -> None:
    """They are stored, and loaded."""
    product = InProcess()
    product.run(SetQuota(P, Quota(P, "alarms", 3), ACTOR))
    product.run(SetQuota(Q, Quota(Q, "alarms", 3), ACTOR))
    product.run(SetQuota(Q, None, ACTOR))
    again = InProcess(ledger=product.ledger)
    assert (again.indexes.quotas.alarms(P), again.indexes.quotas.alarms(Q)) == (3, -1)


def test_who_set_a_quota_is_in_the_audit_record() -> None:
    """Setting and taking back leave a line each."""
    product = InProcess()
    product.run(SetQuota(P, Quota(P, "alarms", 3), ACTOR))
    product.run(SetQuota(P, None, ACTOR))
    lines = product.ledger.audit(10)
    assert [(line.action, line.target) for line in lines] == [("quota.update", "p")] * 2


def test_the_book_forgets_what_is_taken_back() -> None:
    """A project that is gone, or has its default again, leaves nothing."""
    book = QuotaBook()
    book.apply(QuotasSaved((Quota(P, "alarms", 1), Quota(Q, "alarms", 2))))
    book.apply(QuotasRemoved((P,)))
    book.apply(ProjectsRemoved((Q,)))
    book.apply(AlarmsSaved(()))
    assert (book.alarms(P), book.alarms(Q)) == (-1, -1)


def test_a_users_alarms_are_counted() -> None:
    """As they are saved, handed over and removed; nothing is kept of who has none."""
    index = AlarmIndex()
    index.apply(AlarmsSaved((alarm("a"), alarm("b"))))
    index.apply(AlarmsSaved((alarm("b", user=V),)))
    assert (index.owned_by(U), index.owned_by(V)) == (1, 1)
    index.apply(AlarmsRemoved((AlarmId("a"), AlarmId("b"))))
    assert (index.owned_by(U), index.owned_by(V)) == (0, 0)
    assert not index._owned_by
