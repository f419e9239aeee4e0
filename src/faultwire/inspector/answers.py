"""Decisions on hosts and servers that answer a monitor again (D20)."""

from collections.abc import Mapping
from dataclasses import replace

from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import HostAnswered, HostsWatched, InstanceAnswered
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.faults import HOST_DOWN, INSTANCE_DOWN, identity_of
from faultwire.domain.instants import Instant
from faultwire.inspector import clearing
from faultwire.inspector.decide import with_evidence
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import View


class AnsweredDecider:
    """Closes what the answers disprove, if it was told to."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(
        self, command: HostAnswered | InstanceAnswered, view: View, now: Instant
    ) -> Deciding:
        """Close the fault that stands on this kind of monitor alone; with `recover = auto` only.

        A fault for which an agent or somebody else spoke too is not disproved by an answer: the
        system of the host lives, and what runs on it may not.
        """
        fault = view.open_fault(identity_of(*_about(command)))
        said = command.evidence
        if (
            fault is not None
            and self._settings.recover is Recover.AUTO
            and all(one.source == said.source for one in fault.evidence)
        ):
            told = replace(fault, evidence=with_evidence(fault.evidence, said))
            yield from clearing.close(told, f"monitor {said.reporter}", view, now, self._settings)
        return Decided()


class WatchedDecider:
    """Marks hosts for which a monitor reported (D24); it never takes that back."""

    def decide(self, command: HostsWatched, view: View, now: Instant) -> Deciding:
        """Save the hosts that are there and were not marked yet."""
        del now
        yield None
        found = (view.host(name) for name in command.hosts)
        marked = tuple(
            replace(host, monitored=True) for host in found if host and not host.monitored
        )
        return Decided(changes=(HostsSaved(marked),) if marked else ())


def _about(command: HostAnswered | InstanceAnswered) -> tuple[str, Mapping[str, str]]:
    if isinstance(command, HostAnswered):
        return HOST_DOWN, {"hostname": command.host}
    return INSTANCE_DOWN, {"instance_id": command.server}
