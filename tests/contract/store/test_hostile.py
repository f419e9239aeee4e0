"""Texts and numbers that databases take differently: kept as given, or refused as Invalid."""

from contextlib import suppress
from dataclasses import replace

import pytest

from faultwire.domain import changes as c
from faultwire.domain.errors import Conflict, Invalid, NotFound
from faultwire.domain.faults import Fault
from faultwire.domain.resources import Project
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept

ODD = (
    "",
    " ",
    "a",
    "a ",
    " a",
    "A",
    "á",
    "a\u0301",
    "ß",
    "ss",
    "🖥",
    "🖧",
    "'; DROP TABLE hosts; --",
    '"quoted"',
    "back\\slash",
    "50%s %(x)s %%",
    ":name ?",
    "{1,2}",
    "NULL",
    "tab\tline\nend\r\x1a\x7f",
    "\u202edesrever",
    "x" * 255,
    "🖥" * 255,
)


def test_names_are_told_apart_as_python_does(kept: Kept) -> None:
    """By case, accent, form and every space, in a key as in a value; and come back as given."""
    projects = tuple(Project(name, name) for name in ODD)
    kept.ledger.commit([c.ProjectsSaved(projects)])
    kept.ledger.commit([c.ProjectsSaved(projects)])
    assert set(kept.load().projects) == set(projects)
    kept.ledger.commit([c.ProjectsRemoved(ODD[1::2])])
    assert set(kept.load().projects) == set(projects[::2])


@pytest.mark.parametrize("text", ["nul\x00", "half \ud800", "\udfff"])
def test_a_text_that_is_none_is_kept_or_invalid(kept: Kept, text: str) -> None:
    """NUL and half characters are stored as given or refused, whole commit; never a defect."""
    kept.ledger.commit([c.ProjectsSaved((v.PROJECT,))])
    for change in (
        c.ProjectsSaved((Project("odd", text),)),
        c.ServersSaved((replace(v.SERVER, metadata={"key": text}),)),
        c.Audited((replace(v.AUDITED, detail=text),)),
    ):
        before = kept.load()
        try:
            kept.ledger.commit([c.SwitchesSaved((v.SWITCH,)), change])
        except Invalid:
            assert kept.load() == before
        else:
            kept.ledger.commit([change])
    assert v.PROJECT in kept.reopen().load().projects


@pytest.mark.parametrize("text", ["nul\x00", "half \ud800"])
def test_asking_for_such_a_text_is_no_defect(kept: Kept, text: str) -> None:
    """Readers find nothing by it or refuse it as Invalid."""
    for ask in (
        lambda: kept.faults.fault(text),
        lambda: kept.faults.faults(host=text, state=None, since_ns=None, limit=1, marker=None),
        lambda: kept.faults.faults(host=None, state=None, since_ns=None, limit=1, marker=text),
        lambda: kept.alarms.alarms(project=text, limit=1, marker=None),
        lambda: kept.alarms.alarm(text),
        lambda: kept.alarms.history(text, limit=1),
        lambda: kept.faults.marks(text),
    ):
        with suppress(Invalid, NotFound):
            assert not ask()


def nested(depth: int) -> Fault:
    """Return a fault whose evidence has a document of that depth."""
    deep: dict[str, object] = {"n": 2**63 - 1, "f": 1e-300, "l": [[], {}, None, True], "🖥": "\\u0"}
    for _ in range(depth):
        deep = {"in": deep, "": []}
    return replace(v.FAULT, evidence=(replace(v.FAULT.evidence[0], details=deep),))


def test_documents_keep_their_shape(kept: Kept) -> None:
    """What is stored as JSON comes back equal: nesting, order of lists, empty, large numbers."""
    fault = nested(20)
    kept.ledger.commit([c.FaultsSaved((fault,))])
    assert kept.reopen().faults.fault(fault.id) == fault


def test_a_document_that_is_too_deep_is_kept_or_invalid(kept: Kept) -> None:
    """MariaDB takes 32 levels, others more: what is beyond is the caller's error, not ours."""
    fault = nested(100)
    try:
        kept.ledger.commit([c.FaultsSaved((fault,))])
    except Invalid:
        assert kept.load().faults == ()
    else:
        assert kept.faults.fault(fault.id) == fault


def test_bodies_are_kept_byte_for_byte(kept: Kept) -> None:
    """A payload holds every byte there is, and may be long."""
    body = bytes(range(256)) * 4096
    kept.ledger.commit([c.DeliveriesQueued((replace(v.DELIVERY, body=body),))])
    (found,) = kept.reopen().alarms.pending(project=None, after=None, limit=9)
    assert found.body == body


def test_numbers_at_the_edges(kept: Kept) -> None:
    """The largest and the smallest number of nanoseconds is kept; one beyond is Invalid."""
    for edge in (2**63 - 1, 0, -(2**63)):
        kept.ledger.commit([c.CredentialsSaved((replace(v.CREDENTIAL, created_ns=edge),))])
        assert kept.load().credentials[0].created_ns == edge
    if not hasattr(kept.ledger, "fail"):
        with pytest.raises(Invalid):
            kept.ledger.commit([c.CredentialsSaved((replace(v.CREDENTIAL, created_ns=2**63),))])


def test_a_name_that_is_too_long_is_kept_or_invalid(kept: Kept) -> None:
    """No database cuts a name silently."""
    long = Project("p-long", "x" * 256)
    try:
        kept.ledger.commit([c.ProjectsSaved((long,))])
    except Invalid:
        assert kept.load().projects == ()
    else:
        assert kept.load().projects == (long,)


def test_a_refusal_does_not_show_the_values(kept: Kept) -> None:
    """A name that is taken is told without the name: rows hold secrets, and answers are seen."""
    kept.ledger.commit([c.UsersSaved((v.USER,))])
    secret = replace(v.OTHER_USER, id="s3cret-id", name=v.USER.name, password_hash="s3cret")
    with pytest.raises(Conflict) as caught:
        kept.ledger.commit([c.UsersSaved((secret,))])
    assert "s3cret" not in str(caught.value)
    assert f"'{v.USER.name}'" not in str(caught.value)
    assert f"({v.USER.name})" not in str(caught.value)
