"""No order of what guards are given lets an act through that the plain statement refuses."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.acts import Act, ActKind
from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import ImportInventory
from faultwire.domain.guard_changes import ActsDone, ActsNoted
from faultwire.domain.guarding import ON_HOSTS, Acted
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Interface, InventoryDocument
from faultwire.inspector import guard_settings
from faultwire.inspector.acting import Guards
from faultwire.inspector.limits import ACT_GUARDS
from faultwire.resourcemap.acts import ActBook
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch
from faultwire.testing.chain import ACTOR, InProcess

NS = 1_000_000_000
NOW = Instant(1_000_000 * NS, 500_000 * NS)
NAMES = tuple(HostName(f"h{number}") for number in range(6))
LIMIT = next(guard for guard in ACT_GUARDS if guard.name == "limit")

racks = st.sampled_from([None, "r1", "r2"])
hosts = st.tuples(
    *(
        st.builds(
            Host,
            st.just(name),
            zone=st.sampled_from([None, "z1"]),
            rack=racks,
            aggregates=st.sets(st.sampled_from(["a1", "a2"])).map(
                lambda some: tuple(sorted(some))
            ),
            interfaces=st.sampled_from([(), (Interface("eth0", switch="s1"),)]),
        )
        for name in NAMES
    )
)
ages = st.integers(0, 20)
acts = st.lists(
    st.tuples(st.sampled_from(NAMES), ages, st.sampled_from(ActKind), st.booleans()), max_size=12
)
settings = st.builds(
    guard_settings.Settings,
    window_seconds=st.integers(1, 20),
    limit_hosts=st.integers(0, 4),
    limit_fraction=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    storm_hosts=st.just(0),
    flap_acts=st.just(0),
)


def naive(
    rules: guard_settings.Settings,
    there: tuple[Host, ...],
    done: list[tuple[HostName, int, ActKind, bool]],
    act: Act,
) -> bool:
    """The statement as the page has it: both a count and a fraction of one domain, and this."""
    alike = ON_HOSTS if act.kind in ON_HOSTS else {act.kind}
    young = {
        name
        for name, age, kind, shadow in done
        if age < rules.window_seconds and kind in alike and not shadow
    } | {act.host}
    mine = next(host for host in there if host.name == act.host)
    domains = [{host.name for host in there}]
    if mine.zone:
        domains.append({host.name for host in there if host.zone == mine.zone})
    if mine.rack:
        domains.append({host.name for host in there if host.rack == mine.rack})
    domains += [{h.name for h in there if one in h.aggregates} for one in mine.aggregates]
    if mine.interfaces:
        domains.append({host.name for host in there if host.interfaces})
    return any(
        len(domain & young) > rules.limit_hosts
        and len(domain & young) > rules.limit_fraction * len(domain)
        for domain in domains
    )


@given(
    rules=settings,
    there=hosts,
    done=acts,
    act=st.tuples(st.sampled_from(NAMES), st.sampled_from(ActKind)),
    order=st.randoms(use_true_random=False),
    jump=st.sampled_from([0, 3600 * NS, -3600 * NS]),
)
def test_no_order_lets_an_act_through_that_the_statement_refuses(
    rules: guard_settings.Settings,
    there: tuple[Host, ...],
    done: list[tuple[HostName, int, ActKind, bool]],
    act: tuple[HostName, ActKind],
    order: object,
    jump: int,
) -> None:
    """Hosts, moves between racks, acts of ours in any order, a wall that jumps: one answer."""
    book, inventory = ActBook(), ResourceMap()
    inputs: list[tuple[object, ...]] = []
    for number, (name, age, kind, shadow) in enumerate(done):
        wall, mono = NOW.wall_ns - age * NS, (NOW.mono_ns or 0) - age * NS
        # The wall of some of them was another one.
        wall += jump if number % 2 else 0
        one = Acted(f"a{number}", wall, kind, name, FaultId("f"), shadow=shadow)
        inputs.append((ActsDone((one,)), ActsNoted(mono, (one,))))
    for host in there:
        elsewhere = replace(host, rack="r2", zone=None)
        inputs.append((HostsSaved((elsewhere,)), HostsSaved((host,))))
    order.shuffle(inputs)  # type: ignore[attr-defined]
    for changes in inputs:
        for change in changes:
            book.apply(change)  # type: ignore[arg-type]
            inventory.apply(change)  # type: ignore[arg-type]
    guards = Guards(rules, book, rows=(LIMIT,))
    asked = Act(act[1], act[0], None, "test")
    verdict = guards.judge(asked, MapScratch(inventory, Holds()), NOW)
    assert verdict.allowed is not naive(rules, there, done, asked), verdict.words


@given(rules=settings, there=hosts, faults=st.permutations(NAMES), size=st.integers(1, 6))
def test_one_list_of_reports_is_as_many_single_ones(
    rules: guard_settings.Settings, there: tuple[Host, ...], faults: list[HostName], size: int
) -> None:
    """What is decided within one command counts for the rest of it, as if it were done."""
    forced = []
    for chunk in (1, size):
        product = InProcess(guards=rules)
        document = InventoryDocument(hosts=there)
        product.run(ImportInventory(document, replace=False, actor=ACTOR))
        reports = [product.reported("compute.host.down", hostname=name) for name in faults]
        for start in range(0, len(reports), chunk):
            product.take(reports[start : start + chunk])
        hosts_now = product.indexes.inventory.hosts()
        forced.append({host.name for host in hosts_now if host.forced_down})
    assert forced[0] == forced[1]
