"""The faces, given what each needs, behind the one root application."""

import secrets as random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.types import ASGIApp

from faultwire.app.acts import guarded
from faultwire.app.alert_map import AlertMaps
from faultwire.app.cloudfaces import CloudParts, cloud_faces
from faultwire.app.cloudmap import looks_of
from faultwire.app.core import Core
from faultwire.app.doors import MAIN
from faultwire.app.guests import GuestParts
from faultwire.app.hosts import vantage_terms
from faultwire.app.keystone import SignedIn
from faultwire.app.lane import Lane
from faultwire.app.marks import Marks
from faultwire.app.notified import Notified, notified_of
from faultwire.app.offload import Offload
from faultwire.app.refusals import Refusals
from faultwire.app.signals import Signals, signals_of
from faultwire.app.standing import Watched, status_ports
from faultwire.config.configuration import Configuration
from faultwire.domain import signature
from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.ids import ProjectId, UserId
from faultwire.faces import stack
from faultwire.faces.addresses import Address, Door, naming
from faultwire.faces.alarming import app as alarming
from faultwire.faces.alarming.ports import AlarmingPorts, TestCallback
from faultwire.faces.fault import app as fault
from faultwire.faces.fault.agents import AgentPorts
from faultwire.faces.fault.guests import GuestPorts
from faultwire.faces.fault.guestsessions import GuestSessionPorts
from faultwire.faces.fault.monitors import MonitorPorts
from faultwire.faces.fault.ports import AlertPorts, FaultPorts, error_body
from faultwire.faces.fault.posting import doctor_app
from faultwire.faces.identity import app as identity
from faultwire.faces.identity.catalog import Catalog
from faultwire.faces.identity.ports import IdentityPorts
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.passwords import Passwords
from faultwire.identity.signin import SignIn
from faultwire.identity.tokens import Signer
from faultwire.monitors.agents import AgentMonitor
from faultwire.monitors.vantage import VantagePoints
from faultwire.policy.enforcer import PolicyEnforcer, read_overrides
from faultwire.ports import Authenticator, Enforcer, Intake, Pinger
from faultwire.store import (
    StoredAlarms,
    StoredFaults,
    StoredSeen,
    StoredSubscriptions,
    StoredTasks,
)

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands already when the faces are built."""

    core: Core
    lane: Lane
    imports: Intake
    marks: Marks
    monitor: AgentMonitor
    vantage: VantagePoints
    offload: Offload
    passwords: Passwords
    faults: StoredFaults
    alarms: StoredAlarms
    subscriptions: StoredSubscriptions
    check_action: Callable[[str], None]
    test_callback: TestCallback
    unhealthy: Callable[[], str | None]
    certificate: str | None
    token_key: bytes
    watched: Watched
    doors: Mapping[str, Door]
    pinger: Pinger
    guests: GuestParts
    sign_in: Callable[[TokenAuthenticator], SignedIn]


@dataclass(frozen=True, slots=True)
class Faces:
    """The root application, Doctor's own for its listener, and which credentials are valid.

    `alone` are the faces that have a listener of their own. `refusals` are to be written now and
    then. `notified` takes what a listener hears.
    """

    root: ASGIApp
    alone: Mapping[str, ASGIApp]
    doctor: ASGIApp
    known: Callable[[str], bool]
    refusals: Refusals
    signals: Signals
    notified: Notified


def build(parts: Parts, configuration: Configuration) -> Faces:
    """Return the applications of the listeners."""
    core = parts.core
    directory, clock = core.indexes.directory, core.tools.clock
    signer = Signer(parts.token_key)
    settings = configuration.identity
    ours = TokenAuthenticator(signer, directory, clock, settings)
    signed = parts.sign_in(ours)
    authenticator = signed.authenticator
    enforcer = PolicyEnforcer(overrides=_overrides(configuration))
    signin = SignIn(signer, ours, directory, parts.passwords, clock, settings)
    if parts.lane.shared:
        signin.on_unknown(parts.lane.caught_up)
    public_url = configuration.server.public_url
    identity_ports = IdentityPorts(
        directory,
        ours,
        signin,
        parts.passwords,
        enforcer,
        parts.lane,
        Catalog(elsewhere=_elsewhere(parts.doors)),
        public_url,
        settings.page_limit,
    )
    refusals = Refusals(parts.lane, clock)
    signin.on_refused(refusals.note)
    signals = signals_of(parts.core, parts.lane, configuration, parts.token_key)
    fault_ports = _fault_ports(parts, configuration, authenticator, enforcer, refusals, signals)
    notified = notified_of(parts.core, parts.lane)
    alarming_ports = _alarming_ports(parts, configuration, signed, enforcer)
    faces: dict[str, ASGIApp] = {
        "/identity": identity.create(identity_ports),
        "/fault": fault.create(replace(fault_ports, notified=notified.take)),
        "/alarming": alarming.create(alarming_ports),
        **cloud_faces(
            CloudParts(core, parts.lane, parts.monitor, parts.pinger, parts.guests),
            configuration,
            authenticator,
            enforcer,
            StoredSeen(parts.watched.engine),
        ),
    }
    faces = {prefix: signed.before(prefix, face) for prefix, face in faces.items()}
    ports = _stack_ports(parts)
    root, doctor = stack.create(faces, ports), doctor_app(fault_ports)
    alone = _alone(parts.doors, faces, ports)
    return Faces(root, alone, doctor, ours.is_bound, refusals, signals, notified)


def _alarming_ports(
    parts: Parts,
    configuration: Configuration,
    signed: SignedIn,
    enforcer: Enforcer,
) -> AlarmingPorts:
    core, clock = parts.core, parts.core.tools.clock
    return AlarmingPorts(
        signed.authenticator,
        enforcer,
        parts.lane,
        clock,
        core.indexes.directory,
        parts.alarms,
        core.reader,
        parts.check_action,
        lambda project: WebhookSecret(
            project,
            signature.new_secret(random.token_bytes(SECRET_BYTES)),
            clock.wall_ns(),
        ),
        configuration.alarming,
        sample=core.writer.sample,
        subscriptions=parts.subscriptions,
        test_callback=parts.test_callback,
        alarm_quota=core.indexes.quotas.alarms,
        subscribed=core.indexes.subscriptions.owned,
        keystone=signed.keystone.api if signed.keystone else None,
        trusts=signed.keystone.trusts if signed.keystone else None,
    )


def _stack_ports(parts: Parts) -> stack.StackPorts:
    core, page = parts.core, parts.core.tools.metrics.page
    return stack.StackPorts(
        parts.unhealthy,
        page,
        core.tools.clock,
        breathe=core.rush.give_way,
        details=looks_of(core),
    )


def _elsewhere(doors: Mapping[str, Door]) -> dict[str, Address]:
    """Return where the catalog says that faces with a listener of their own are.

    Where clients come in by another address than that of the main listener, that one stays: of
    its neighbours only what we are told is known.
    """
    main = doors[MAIN]
    return {
        section: door.seen_from(main)
        for section, door in doors.items()
        if section != MAIN and (door.public_url or not main.public_url)
    }


def _alone(
    doors: Mapping[str, Door], faces: Mapping[str, ASGIApp], ports: stack.StackPorts
) -> dict[str, ASGIApp]:
    return {
        section: naming(stack.alone(faces[f"/{section}"], ports), doors[MAIN].seen_from(door))
        for section, door in doors.items()
        if section != MAIN
    }


def _guest_ports(
    parts: Parts,
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
    refusals: Refusals,
) -> GuestPorts:
    core, settings, guests = parts.core, configuration.guests, parts.guests
    public_url = configuration.server.public_url.rstrip("/")
    sessions = GuestSessionPorts(
        authenticator,
        enforcer,
        parts.lane,
        core.tools.clock,
        guests.sessions,
        error_body,
        settings.heartbeat_ms,
        settings.silence_ms,
        settings.message_bytes,
        parts.certificate,
        f"{public_url}/fault" if public_url else None,
        refusals.note,
    )
    return GuestPorts(
        sessions,
        enforcer,
        parts.lane,
        core.tools.clock,
        core.indexes.inventory,
        guests.heard,
        guests.calls,
        StoredTasks(parts.watched.engine),
        guests.keeper,
        core.reader,
        settings.call_ms / 1000,
    )


def _overrides(configuration: Configuration) -> Mapping[str, str] | None:
    path = configuration.policy.policy_file
    return read_overrides(Path(path)) if path else None


def _alert_ports(core: Core, maps: AlertMaps, configuration: Configuration) -> AlertPorts:
    settings, metrics = configuration.alertmanager, core.tools.metrics
    unmapped = core.indexes.unmapped
    return AlertPorts(maps.current, maps.standing, lambda: unmapped, settings, metrics.count)


def _fault_ports(
    parts: Parts,
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
    refusals: Refusals,
    signals: Signals,
) -> FaultPorts:
    core, liveness = parts.core, configuration.liveness
    directory, clock = core.indexes.directory, core.tools.clock
    public_url = configuration.server.public_url.rstrip("/")

    def signed(project: ProjectId, headers: Mapping[str, str], body: bytes) -> str:
        secrets = [one.secret for one in directory.secrets(project)]
        now_s = clock.wall_ns() // 1_000_000_000
        return signature.verify(secrets, headers, body, now_s)

    agents = AgentPorts(
        authenticator,
        enforcer,
        parts.lane,
        clock,
        parts.monitor,
        error_body,
        liveness.heartbeat_ms,
        liveness.agent_silence_ms,
        liveness.agent_message_bytes,
        parts.certificate,
        f"{public_url}/fault" if public_url else None,
        refusals.note,
        core.indexes.inventory.evacuated,
    )
    return FaultPorts(
        authenticator,
        enforcer,
        parts.imports,
        clock,
        core.indexes.inventory,
        directory.projects,
        parts.faults,
        parts.alarms,
        core.reader,
        parts.marks.timeline,
        parts.marks.add,
        signed,
        parts.offload,
        agents,
        _monitor_ports(parts, configuration, authenticator, enforcer, refusals),
        configuration.fault,
        status_ports(core, parts.watched, parts.unhealthy, configuration, authenticator, enforcer),
        lambda user: found.name if (found := directory.user(UserId(user))) else None,
        _guest_ports(parts, configuration, authenticator, enforcer, refusals),
        parts.marks.latency.show,
        lambda: core.indexes.fencings,
        guarded(core.indexes.acts, core.indexes.directory.user),
        _alert_ports(core, signals.maps, configuration),
        signals.key,
        signals.redfish.heard,
    )


def _monitor_ports(
    parts: Parts,
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
    refusals: Refusals,
) -> MonitorPorts:
    public_url = configuration.server.public_url.rstrip("/")
    return MonitorPorts(
        authenticator,
        enforcer,
        parts.lane,
        parts.core.tools.clock,
        parts.vantage,
        error_body,
        vantage_terms(configuration),
        configuration.quorum.message_bytes,
        parts.certificate,
        f"{public_url}/fault" if public_url else None,
        refusals.note,
    )
