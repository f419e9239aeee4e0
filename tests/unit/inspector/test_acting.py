"""Rows of guards and settings: held against what they name."""

import pytest

from faultwire.domain.acts import ActKind
from faultwire.domain.errors import Invalid
from faultwire.inspector import guard_settings
from faultwire.inspector.limits import ACT_GUARDS
from faultwire.inspector.rules import RULES
from faultwire.inspector.settings import ACTING_RULES, Settings
from faultwire.testing.chain import InProcess


def test_rules_that_may_be_shadowed_are_rules() -> None:
    """Every name that `shadow_rules` takes is a rule's."""
    assert set(ACTING_RULES) <= {rule.name for rule in RULES.values()}


def test_every_kind_of_act_has_its_guards() -> None:
    """A hold stops all of them, and each is limited."""
    for kind in ActKind:
        names = {guard.name for guard in ACT_GUARDS if kind in guard.kinds}
        assert {"hold", "limit", "storm"} <= names


def test_unknown_domains_and_rules_are_refused_at_the_start() -> None:
    """A misspelt kind of domain or rule would silently do nothing."""
    with pytest.raises(Invalid, match="domains"):
        guard_settings.Settings(domains=("rack", "row"))
    with pytest.raises(Invalid, match="shadow_rules"):
        Settings(shadow_rules=("host dwon",))


def test_the_domains_that_are_not_named_do_not_limit() -> None:
    """`domains = rack` looks at racks alone; a host without one is not limited."""
    from faultwire.domain.changes import HostsSaved
    from faultwire.domain.ids import HostName
    from faultwire.domain.resources import Host

    rules = guard_settings.Settings(domains=("rack",), limit_hosts=0, limit_fraction=0.5)
    product = InProcess(guards=rules)
    hosts = (Host(HostName("h1"), rack="r"), Host(HostName("h2")), Host(HostName("h3"), rack="r"))
    product.commit(HostsSaved(hosts))
    for name in ("h2", "h1", "h3"):
        product.report("compute.host.down", hostname=name)
    forced = [host.name for host in product.indexes.inventory.hosts() if host.forced_down]
    assert forced == ["h1", "h2"]
