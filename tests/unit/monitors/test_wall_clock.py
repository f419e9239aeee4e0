"""A wall clock that jumps: no verdict, wait, seat or score depends on it."""

from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.liveness.seats import Down, Presence
from faultwire.monitors.hosts import Before, HostMonitor
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import CountingMeter, settle

HOST = HostName("compute-1")
YEAR_NS = 365 * 86_400_000_000_000


class JumpingClock(ManualClock):
    """Tells a wall time that is a year off, now before and now after."""

    turns = 0

    def wall_ns(self) -> int:
        self.turns += 1
        return super().wall_ns() + (YEAR_NS if self.turns % 2 else -YEAR_NS)

    def instant(self) -> Instant:
        return Instant(self.wall_ns(), self.mono_ns())


async def test_jumps_of_the_wall_clock_decide_nothing() -> None:
    """Votes, the wait for others, and the expiry of a seat take the monotonic time alone."""
    clock, intake = JumpingClock(), RecordingIntake()
    monitor = HostMonitor(None, intake, clock, CountingMeter(), "server")
    monitor.begin((Host(HOST, ("10.0.0.1",)),), Before())
    votes = monitor.votes
    for name in ("a", "b"):
        votes.survey(name, Presence.VOTING, {}, ())
    votes.cast("a", down={HOST: Down(clock.mono_ns(), {})})
    clock.advance(0.4)
    votes.look()
    await settle()
    assert intake.commands == []
    clock.advance(0.2)
    votes.look()
    await settle()
    assert len(intake.commands) == 1
    votes.leave("b", 3_000_000_000)
    clock.advance(2.9)
    votes.look()
    assert "b" in votes.ballots.seats
    clock.advance(0.2)
    votes.look()
    assert "b" not in votes.ballots.seats
    await settle()
    kinds = {report.type.name for one in intake.commands for report in one.reports}  # type: ignore[union-attr]
    assert kinds == {"compute.host.unreachable", "compute.host.down"}
