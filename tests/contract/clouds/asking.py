"""What a cloud answers to what it is asked to do: the contract of `ports.clouds.CloudApi`."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from faultwire.domain.errors import Conflict, NotFound
from faultwire.ports.clouds import CloudApi

NOBODY = "11111111-2222-3333-4444-555555555555"


@dataclass
class Asked:
    """A cloud with a host, a server and a port; `run` runs what is asked of it.

    `fresh` makes one more server on the host, which may leave it; `until` waits for what must
    come; `clean` has the host forget the old copies of what left.
    """

    api: CloudApi
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    host: str
    server: str
    port: str
    forced_down: Callable[[], bool]
    state: Callable[[], str]
    plane: Callable[[], str]
    fresh: Callable[[], str]
    until: Callable[[Callable[[], bool], str], None]
    clean: Callable[[], None]


class CloudsAsked:
    """The contract; a class below gives the fixture `asked`, as it was before each test."""

    def test_a_host_is_forced_down_and_let_up(self, asked: Asked) -> None:
        """S166: each of both may be asked twice."""
        for _ in range(2):
            asked.run(asked.api.force_down(asked.host))
            assert asked.forced_down()
        for _ in range(2):
            asked.run(asked.api.let_up(asked.host))
            assert not asked.forced_down()

    def test_states_are_reset(self, asked: Asked) -> None:
        """Whatever a server was in; twice does no harm."""
        for state in ("error", "error", "active", "active"):
            asked.run(asked.api.reset_state(asked.server, state))
            assert asked.state() == state

    def test_ports_are_marked(self, asked: Asked) -> None:
        """D7: a mark can be taken back, whatever the cloud then calls a port without one."""
        for _ in range(2):
            asked.run(asked.api.mark_port(asked.port, "DOWN"))
            assert asked.plane() == "DOWN"
        for _ in range(2):
            asked.run(asked.api.mark_port(asked.port, ""))
            assert asked.plane() != "DOWN"

    def test_what_is_not_there_is_not_found(self, asked: Asked) -> None:
        """Asking again would be in vain, and whoever asks is told so."""
        for work in (
            asked.api.force_down("no-such-host"),
            asked.api.let_up("no-such-host"),
            asked.api.reset_state(NOBODY, "error"),
            asked.api.mark_port(NOBODY, "DOWN"),
            asked.api.evacuate(NOBODY, ""),
            asked.api.standing(NOBODY),
        ):
            with pytest.raises(NotFound):
                asked.run(work)

    def test_servers_leave_dead_hosts_alone(self, asked: Asked) -> None:
        """S176: not before the host is down; until its old copies are gone the host stays down."""
        server = asked.fresh()

        def stands() -> tuple[str, str]:
            found = asked.run(asked.api.standing(server))
            return found.host, found.vm_state

        assert stands() == (asked.host, "active")
        with pytest.raises(Conflict):
            asked.run(asked.api.evacuate(server, ""))
        asked.run(asked.api.force_down(asked.host))
        asked.run(asked.api.evacuate(server, ""))
        asked.until(
            lambda: stands()[0] != asked.host and stands()[1] == "active", "it runs elsewhere"
        )
        with pytest.raises(Conflict):
            asked.run(asked.api.let_up(asked.host))
        assert asked.forced_down()
        asked.clean()
        asked.until(lambda: _let_up(asked), "the host is let up")
        assert not asked.forced_down()


def _let_up(asked: Asked) -> bool:
    try:
        asked.run(asked.api.let_up(asked.host))
    except Conflict:
        return False
    return True
