"""Causes are no undo: whatever happens in whatever order, states come out true (D20).

The model is one line a resource: what it would be if no fault had ever been reported. Faults
never change it; operators and documents do.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import HostsSaved, ServersMoved
from faultwire.domain.commands import AgentChanged, CloseFault, ImportInventory
from faultwire.domain.errors import Conflict
from faultwire.domain.faults import HOST_DOWN, identity_of
from faultwire.domain.guard_commands import ActOnFault, SetHold
from faultwire.domain.guarding import Sign
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import Host, InventoryDocument, Project, Server
from faultwire.domain.states import (
    NOVA_STATUS,
    AgentState,
    PowerState,
    ServerStateOnHostDown,
    VmState,
)
from faultwire.inspector import guard_settings
from faultwire.inspector.settings import Recover, Settings
from faultwire.testing.chain import ACTOR, InProcess

HOSTS = (HostName("h1"), HostName("h2"))
SERVERS = tuple(ServerId(f"vm-{number}") for number in range(4))
STRENGTH = {"": 0, "stopped": 1, "error": 2}

hosts = st.sampled_from(HOSTS)
servers = st.sampled_from(SERVERS)
LOOSE = guard_settings.Settings(limit_hosts=1_000_000, storm_hosts=0, flap_acts=0)
TIGHT = guard_settings.Settings(limit_hosts=0, limit_fraction=0.5, flap_acts=1)
"""Guards that refuse nothing of themselves, and guards that refuse every other act."""

statuses = st.sampled_from(["ACTIVE", "SHUTOFF", "PAUSED", "ERROR", "VERIFY_RESIZE", "BUILD"])


class CausesMachine(RuleBasedStateMachine):
    """Any interleaving of raises, clears, agents, and changes by somebody else."""

    @initialize(
        states=st.tuples(*([statuses] * len(SERVERS))),
        on_host_down=st.sampled_from(ServerStateOnHostDown),
        recover=st.sampled_from(Recover),
        guards=st.sampled_from([LOOSE, TIGHT]),
    )
    def start(
        self,
        states: tuple[str, ...],
        on_host_down: ServerStateOnHostDown,
        recover: Recover,
        guards: guard_settings.Settings,
    ) -> None:
        """Put two servers on each host."""
        self.product = InProcess(Settings(on_host_down, recover), guards=guards)
        self.without_faults = dict(
            zip(SERVERS, (NOVA_STATUS[status] for status in states), strict=True)
        )
        self.operators_word = dict.fromkeys(HOSTS, False)
        standing = zip(SERVERS, (*HOSTS, *HOSTS), strict=True)
        document = InventoryDocument(
            projects=(Project(ProjectId("p"), "p"),),
            hosts=tuple(Host(name) for name in HOSTS),
            servers=tuple(
                Server(name, name, ProjectId("p"), host, *self.without_faults[name])
                for name, host in standing
            ),
        )
        self.product.run(ImportInventory(document, replace=False, actor=ACTOR))

    # ------------------------------------------------------------ faults

    @rule(host=hosts)
    def host_down(self, host: HostName) -> None:
        self.product.report("compute.host.down", hostname=host)

    @rule(host=hosts)
    def host_silent(self, host: HostName) -> None:
        self.product.report("compute.host.down", source="agent", hostname=host)
        self.product.run(AgentChanged(host, AgentState.LOST))

    @rule(host=hosts)
    def host_up(self, host: HostName) -> None:
        self.product.report("compute.host.up", hostname=host)

    @rule(server=servers)
    def instance_down(self, server: ServerId) -> None:
        self.product.report("compute.instance.down", instance_id=server)

    @rule(server=servers)
    def instance_up(self, server: ServerId) -> None:
        self.product.report("compute.instance.up", instance_id=server)

    @rule(host=hosts, heard=st.booleans())
    def somebody_hears(self, host: HostName, heard: bool) -> None:
        self.product.signs[host] = (Sign("agent", "it beats"),) if heard else ()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.product.run(SetHold(held, "", ACTOR))

    @rule(host=hosts)
    def act_again(self, host: HostName) -> None:
        fault = self.product.indexes.holds.open_fault(identity_of(HOST_DOWN, {"hostname": host}))
        if fault is not None:
            with suppress(Conflict):
                self.product.run(ActOnFault(fault.id, ACTOR))

    @rule(
        host=hosts, state=st.sampled_from(AgentState), running=st.none() | st.frozensets(servers)
    )
    def agent(self, host: HostName, state: AgentState, running: frozenset[str] | None) -> None:
        told = running if state is AgentState.CONNECTED else None
        self.product.run(AgentChanged(host, state, told))

    @rule()
    def restart(self) -> None:
        self.product = self.product.restart()

    # ------------------------------------------------------------ somebody else

    def server(self, name: ServerId) -> Server:
        found = self.product.indexes.inventory.server(name)
        assert found is not None
        return found

    @rule(name=servers, status=statuses)
    def operator_sets_a_server(self, name: ServerId, status: str) -> None:
        server = self.server(name).in_state(*NOVA_STATUS[status])
        self.product.commit(ServersMoved(server.host, (server,)))
        self.without_faults[name] = NOVA_STATUS[status]

    @rule(host=hosts, forced=st.booleans())
    def operator_forces_a_host(self, host: HostName, forced: bool) -> None:
        known = self.product.indexes.inventory.host(host)
        assert known is not None
        after = replace(known, forced_down=forced, revision=known.revision + 1)
        self.product.commit(HostsSaved((after,)))
        self.operators_word[host] = forced

    @rule(name=servers, status=st.none() | statuses, host=st.none() | hosts)
    def document(self, name: ServerId, status: str | None, host: HostName | None) -> None:
        before = self.server(name)
        vm_state, power_state = NOVA_STATUS[status or "ACTIVE"]
        said = replace(
            before, host=host or before.host, vm_state=vm_state, power_state=power_state
        )
        statuses_said = frozenset({name}) if status else frozenset[ServerId]()
        document = InventoryDocument(servers=(said,), statuses=statuses_said)
        self.product.run(ImportInventory(document, replace=False, actor=ACTOR))
        if status and vm_state is not before.vm_state:
            self.without_faults[name] = NOVA_STATUS[status]

    # ------------------------------------------------------------ what must hold

    def held(self) -> Iterator[tuple[Server, tuple[Cause, ...]]]:
        for name in SERVERS:
            server = self.server(name)
            causes = self.product.indexes.holds.causes_of(ResourceKind.SERVER, name)
            yield server, tuple(c for c in causes if c.revision == server.revision)

    @invariant()
    def a_held_server_is_in_the_state_that_is_wanted(self) -> None:
        """With a cause left, never the healthy state; with several, the strongest."""
        for server, causes in self.held():
            live = [cause for cause in causes if not cause.awaiting_report]
            wanted = max((cause.wanted for cause in live), key=STRENGTH.__getitem__, default="")
            if wanted:
                assert server.vm_state.value == wanted
            for cause in causes:
                assert cause.prior_states() == self.without_faults[server.id]
                if cause.awaiting_report:
                    assert len(causes) == 1
                    assert cause.wanted in {"", server.vm_state.value}

    @invariant()
    def what_nothing_holds_is_as_if_no_fault_had_been(self) -> None:
        """No cause left: exactly the state that somebody else last gave it."""
        for server, causes in self.held():
            if not any(cause.wanted for cause in causes):
                assert (server.vm_state, server.power_state) == self.without_faults[server.id]
        for host in HOSTS:
            if not self.product.indexes.holds.causes_of(ResourceKind.HOST, host):
                self.check_forced(host)

    def check_forced(self, host: HostName) -> None:
        known = self.product.indexes.inventory.host(host)
        assert known is not None
        assert known.forced_down == self.operators_word[host]

    @invariant()
    def an_untouched_state_is_never_changed(self) -> None:
        """S119's states stay what they are."""
        for server, causes in self.held():
            prior, _ = self.without_faults[server.id]
            if prior in {VmState.ERROR, VmState.RESIZED} and not causes:
                assert server.vm_state is prior

    def teardown(self) -> None:
        """Close every fault and let every agent vouch: nothing is held and all is as before."""
        if not hasattr(self, "product"):
            return
        for fault in tuple(self.product.indexes.holds.live()):
            self.product.run(CloseFault(fault.id, ACTOR))
        for host in HOSTS:
            agent = AgentChanged(host, AgentState.CONNECTED, frozenset(SERVERS))
            self.product.run(agent)
            self.check_forced(host)
        for name in SERVERS:
            server = self.server(name)
            assert (server.vm_state, server.power_state) == self.without_faults[name]
            assert server.task_state is None
            assert self.product.indexes.holds.causes_of(ResourceKind.SERVER, name) == ()
        assert self.product.ledger.load().causes == ()


def test_closing_faults_gives_back_what_was_and_nothing_else() -> None:
    """Any history ends with every server and host as if no fault had been (D20, S119, S175)."""
    run_state_machine_as_test(CausesMachine)


def test_the_model_knows_every_power_state_of_its_statuses() -> None:
    """The statuses drawn cover servers that run, that are paused and that are off."""
    drawn = {NOVA_STATUS[status][1] for status in ("ACTIVE", "SHUTOFF", "PAUSED", "BUILD")}
    assert drawn == {
        PowerState.RUNNING,
        PowerState.SHUTDOWN,
        PowerState.PAUSED,
        PowerState.NOSTATE,
    }
