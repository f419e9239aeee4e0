"""A monitor's opinion on every host that it probes, and what of it the server was not told."""

from collections.abc import Iterable, Mapping

from faultwire.domain.ids import HostName
from faultwire.domain.vantage import Ballot, Grounds
from faultwire.liveness.suspicion import FALLEN, State


class Opinions:
    """What is held of each host: down with its grounds, alive, or unknown; pure.

    A suspect is what it was until it is settled.
    """

    def __init__(self) -> None:
        """Know no host."""
        self._down: dict[HostName, Grounds] = {}
        self._unknown: set[HostName] = set()
        self._known: set[HostName] = set()
        self._news: dict[HostName, None] = {}

    @property
    def news(self) -> bool:
        """Whether there is something that the server was not told."""
        return bool(self._news)

    def hosts(self) -> frozenset[HostName]:
        """Return the hosts that there is an opinion on."""
        return frozenset(self._known)

    def add(self, hosts: Iterable[HostName]) -> None:
        """Know nothing of hosts that are new; the server is told so."""
        for host in hosts:
            if host not in self._known:
                self._known.add(host)
                self._unknown.add(host)
                self._news[host] = None

    def leave(self, hosts: Iterable[HostName]) -> None:
        """Have no opinion on hosts any more."""
        for host in hosts:
            self._known.discard(host)
            self._unknown.discard(host)
            self._down.pop(host, None)
            self._news.pop(host, None)

    def take(self, host: HostName, state: State, grounds: Grounds) -> bool:
        """Take what is held of a host now; return whether that is another opinion."""
        if host not in self._known or state is State.SUSPECT:
            return False
        before = self._opinion(host)
        if state in FALLEN:
            self._down[host] = grounds
            self._unknown.discard(host)
        else:
            self._down.pop(host, None)
            if state is State.UNKNOWN:
                self._unknown.add(host)
            else:
                self._unknown.discard(host)
        if self._opinion(host) == before:
            return False
        self._news[host] = None
        return True

    def doubt(self, hosts: Iterable[HostName]) -> None:
        """Have the server's doubt on hosts: what it was told of them it holds no more."""
        for host in hosts:
            self._down.pop(host, None)

    def whole(self) -> Ballot:
        """Return the opinion on all; the server has been told everything then."""
        self._news.clear()
        return Ballot(dict(self._down), (), tuple(sorted(self._unknown)))

    def since(self) -> Ballot:
        """Return what the server was not told; it has been then."""
        news, self._news = self._news, {}
        parts: Mapping[str, list[HostName]] = {"down": [], "alive": [], "unknown": []}
        for host in news:
            parts[self._opinion(host)].append(host)
        down = {host: self._down[host] for host in parts["down"]}
        return Ballot(down, tuple(parts["alive"]), tuple(parts["unknown"]))

    def _opinion(self, host: HostName) -> str:
        if host in self._down:
            return "down"
        return "unknown" if host in self._unknown else "alive"
