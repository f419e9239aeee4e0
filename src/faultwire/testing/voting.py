"""Ballots with the clock in a test's hands: the same course every time."""

from collections.abc import Iterable

from faultwire.liveness.ballots import Ballots, Moved, Stood, Terms
from faultwire.liveness.seats import Down, Presence
from faultwire.liveness.suspicion import MS


class VotingScene:
    """Hosts ``h1``, ``h2``, ... and seats by name; `said` is what moved, with its ms."""

    def __init__(self, terms: Terms | None = None, hosts: int = 50) -> None:
        """Seat nobody yet."""
        self.now = 1_000_000 * MS
        self.begun = self.now
        self.ballots = Ballots(terms or Terms(0, 500 * MS, 20, 5))
        self.ballots.hosts = hosts
        self.said: list[tuple[int, Moved | Stood]] = []

    def seat(self, *names: str, unknown: Iterable[str] = ()) -> None:
        """Seat vantage points that hear all hosts but these."""
        for name in names:
            self.ballots.survey(name, Presence.VOTING, {}, unknown, self.now)
        self.look()

    def vote(
        self,
        name: str,
        down: Iterable[str] = (),
        alive: Iterable[str] = (),
        unknown: Iterable[str] = (),
    ) -> None:
        """Cast votes, all at once."""
        votes = {host: Down(self.now, {}) for host in down}
        self.ballots.cast(name, self.now, down=votes, alive=alive, unknown=unknown)
        self.look()

    def stand(self, name: str, presence: Presence, *reasons: str) -> None:
        """Say how a vantage point stands."""
        self.ballots.stand(name, presence, reasons, self.now)
        self.look()

    def lose(self, name: str, keep_ms: int = 3000) -> None:
        """Lose a vantage point; its seat is kept for so long."""
        self.ballots.leave(name, self.now + keep_ms * MS)
        self.look()

    def run(self, ms: float) -> None:
        """Let time pass, with a look wherever one is due."""
        until = self.now + round(ms * MS)
        while (due := self.ballots.due()) is not None and due <= until:
            # A wait that is over and led nowhere is due for ever.
            self.now = max(due, self.now + MS)
            if self.now > until:
                break
            self.look()
        self.now = until
        self.look()

    def look(self) -> None:
        """Count the votes."""
        stood, moved = self.ballots.look(self.now)
        at = (self.now - self.begun) // MS
        news: tuple[Moved | Stood, ...] = (*stood, *moved)
        self.said += [(at, one) for one in news]
