"""The book of acts: what counts, for how long, in every process."""

from faultwire.domain.acts import ActKind
from faultwire.domain.changes import Change, HostsRemoved, HostsSaved
from faultwire.domain.guard_changes import (
    ActsDone,
    ActsNoted,
    HoldSaved,
    WindowsRemoved,
    WindowsSaved,
)
from faultwire.domain.guarding import Acted, Hold, Window, WindowKind
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Interface
from faultwire.inspector import guard_settings
from faultwire.resourcemap.acts import KEPT_NS, MOST_OURS, ActBook, domains_of
from faultwire.store import journal_codec
from faultwire.testing.chain import InProcess
from faultwire.testing.store import MemoryLedger

NS = 1_000_000_000
NOW = Instant(10_000_000 * NS, 1_000_000 * NS)


def act(number: int, age_s: int, host: str = "h1") -> Acted:
    return Acted(f"a{number}", NOW.wall_ns - age_s * NS, ActKind.FORCE_DOWN, HostName(host), None)


def done(book: ActBook, one: Acted, age_s: int) -> None:
    book.apply(ActsDone((one,)))
    book.apply(ActsNoted((NOW.mono_ns or 0) - age_s * NS, (one,)))


def recent(book: ActBook, seconds: int, now: Instant = NOW) -> set[str]:
    return {one.id for one in book.recent(now, seconds * NS)}


def test_domains_are_those_of_the_map() -> None:
    """The cloud, zone, rack, aggregates and switches of a host; each counts its hosts."""
    book = ActBook()
    host = Host(
        HostName("h1"),
        zone="z",
        rack="r",
        aggregates=("a", "b"),
        interfaces=(Interface("eth0", switch="s"), Interface("eth1", switch="s")),
    )
    assert domains_of(host) == (
        "cloud",
        "zone z",
        "rack r",
        "aggregate a",
        "aggregate b",
        "switch s",
    )
    book.apply(HostsSaved((host, Host(HostName("h2"), rack="r"))))
    book.apply(HostsSaved((host,)))
    assert (book.size("rack r"), book.size("switch s"), book.size("cloud")) == (2, 1, 2)
    book.apply(HostsSaved((Host(HostName("h2"), rack="q"),)))
    assert (book.size("rack r"), book.size("rack q")) == (1, 1)
    book.apply(HostsRemoved((HostName("h1"),)))
    assert book.sizes() == {"cloud": 1, "rack q": 1}
    assert book.domains(HostName("h1")) == ()


def test_a_jump_of_the_wall_moves_no_act_of_ours() -> None:
    """Ours are as old as the monotonic clock says, whatever became of the wall."""
    book = ActBook()
    done(book, act(1, 10), 10)
    for jump in (-KEPT_NS, 0, KEPT_NS, 2 * KEPT_NS):
        now = Instant(NOW.wall_ns + jump, NOW.mono_ns)
        assert recent(book, 11, now) == {"a1"}
        assert recent(book, 10, now) == set()


def test_acts_of_others_are_as_old_as_the_wall_says() -> None:
    """What is learnt or loaded counts by the wall; what seems to lie in the future counts."""
    book = ActBook()
    book.apply(ActsDone((act(1, 10), act(2, -3600))))
    assert recent(book, 11) == {"a1", "a2"}
    assert recent(book, 10) == {"a2"}


def test_what_is_over_is_forgotten() -> None:
    """A day later an act is gone, and their number has a bound once they are over."""
    book = ActBook()
    book.apply(ActsDone((act(1, 2 * 86_400),)))
    book.apply(ActsDone((act(2, 0),)))
    assert [one.id for one in book.acts()] == ["a2"]
    for number in range(3, MOST_OURS + 10):
        done(book, act(number, 90_000), 90_000)
    done(book, act(1, 0), 0)
    assert {one.id for one in book.acts()} == {"a1", "a2"}


def test_a_change_that_comes_twice_counts_once() -> None:
    """Our own commit may come back to us by the journal."""
    book = ActBook()
    done(book, act(1, 10), 10)
    book.apply(ActsDone((act(1, 10),)))
    done(book, act(1, 10), 10)
    assert [one.id for one in book.acts()] == ["a1"]


def test_the_hold_and_windows_are_followed() -> None:
    """As they are committed, so they are."""
    book = ActBook()
    window = Window("w", WindowKind.SILENCE, NOW.wall_ns, NOW.wall_ns + 5, {"rack": "r"})
    book.apply(HoldSaved(Hold(held=True)))
    book.apply(WindowsSaved((window,)))
    assert book.hold.held
    assert [*book.open_windows(NOW.wall_ns + 4)] == [window]
    assert [*book.open_windows(NOW.wall_ns + 5)] == []
    book.apply(WindowsRemoved(("w",)))
    assert book.windows() == ()


class Shared(MemoryLedger):
    """A ledger whose commits another process learns by the journal's own bytes."""

    others: list[InProcess]

    def commit(self, changes: object) -> None:
        super().commit(changes)  # type: ignore[arg-type]
        told: list[Change] = list(changes)  # type: ignore[call-overload]
        for one in getattr(self, "others", []):
            for _, payload in journal_codec.written(told):
                one.memory.apply(journal_codec.read(payload))


def test_limits_count_the_acts_of_all_processes() -> None:
    """Two processes on one database: what one has done, the other counts (ADR 10)."""
    ledger = Shared()
    settings = guard_settings.Settings(limit_hosts=2, limit_fraction=0.0)
    ours = InProcess(ledger=ledger, guards=settings)
    ours.commit(HostsSaved(tuple(Host(HostName(f"h{number}")) for number in range(6))))
    other = InProcess(ledger=ledger, guards=settings)
    for number, product in enumerate((ours, other, ours, other)):
        ledger.others = [other if product is ours else ours]
        product.report("compute.host.down", hostname=f"h{number}")
    hosts = [one for one in ours.indexes.inventory.hosts() if one.forced_down]
    assert [host.name for host in hosts] == ["h0", "h1"]
    assert [host for host in other.indexes.inventory.hosts() if host.forced_down] == hosts
    assert {one.fault for one in other.indexes.acts.acts()} == {
        FaultId(fault.id) for fault in ours.indexes.holds.live() if fault.host in {"h0", "h1"}
    }
