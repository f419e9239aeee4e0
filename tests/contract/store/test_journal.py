"""The journal: what one process decides is read by another, value for value."""

from dataclasses import replace

import pytest

from faultwire.domain import changes as c
from faultwire.domain.rules import Rule
from faultwire.store import journal_codec
from tests.contract.store import values as v
from tests.contract.store.cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.change).__name__)
def test_every_change_survives_the_journal(case: object) -> None:
    """What another process reads is what was decided, value for value."""
    change: c.Change = case.change  # type: ignore[attr-defined]
    found = [
        one for _, part in journal_codec.written([change]) for one in journal_codec.read(part)
    ]
    assert found == ([] if type(change) in journal_codec.LEFT_OUT else [change])


@pytest.mark.parametrize("rule", v.OTHER_RULES, ids=lambda rule: type(rule).__name__)
def test_every_rule_survives_the_journal(rule: Rule) -> None:
    """A rule of any type is the same in every process."""
    change = c.AlarmsSaved((replace(v.ALARM, rule=rule),))
    ((_, part),) = journal_codec.written([change])
    assert journal_codec.read(part) == [change]


def test_a_large_change_is_parted() -> None:
    """An import of many servers is many payloads, which together say the same."""
    servers = tuple(replace(v.SERVER, id=f"vm-{number}") for number in range(5000))
    parts = journal_codec.written([c.ServersSaved(servers)])
    assert len(parts) > 1
    found = [
        server for _, part in parts for one in journal_codec.read(part) for server in one.servers
    ]  # type: ignore[union-attr]
    assert tuple(found) == servers
