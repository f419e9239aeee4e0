"""Clouds that are not ours, joined to the lane: what they are owed, and who does it."""

from collections.abc import Callable

from faultwire.app.cloudears import Ears
from faultwire.app.cloudfaces import FACES
from faultwire.app.cloudmap import CloudMap, Reading
from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.hoststatus import first_server
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.remote import RemoteActing
from faultwire.config.configuration import Configuration
from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.beside import Beside, cloud_among
from faultwire.controllers.openstack.echoes import Echoes
from faultwire.controllers.openstack.naming import names
from faultwire.controllers.openstack.session import CloudSession
from faultwire.domain.errors import Invalid
from faultwire.domain.states import ServerStateOnHostDown


class Clouds:
    """What `[openstack] clouds` names; on the event loop."""

    def __init__(self, configuration: Configuration, core: Core) -> None:
        """Read clouds.yaml; raises Invalid for what cannot work with a cloud. Asks nobody."""
        settings = configuration.openstack
        _check(configuration)
        clock = core.tools.clock
        self._settings = settings
        self._notifier = configuration.notifier
        self._core = core
        self._sessions = {name: CloudSession(name, clock, settings) for name in settings.names}
        self.apis = {
            name: OpenStackApi(session, settings.timeout)
            for name, session in self._sessions.items()
        }
        core.cloud = beside(configuration, core)
        echoes = Echoes(core.indexes.remote.on)
        core.memory.follow(echoes.follow)
        self._ears = Ears(names(settings.names), core.indexes.inventory, echoes.is_echo)
        for ear in self._ears:
            ear.transport_url = self._sessions[ear.name].transport_url
        core.follows.ears = self._ears

    def start(self, lane: Lane, cluster: Cluster | None, life: Life) -> None:
        """Begin to sign in and to do what is owed."""
        tools = self._core.tools
        ours = (lambda: True) if cluster is None else (lambda: first_server(cluster))
        acting = RemoteActing(
            lane,
            self._core.indexes.remote,
            self.apis,
            self._settings,
            tools.clock,
            inventory=self._core.indexes.inventory,
            within=self._notifier.notify_within,
        ).of(ours, tools.metrics)
        self._core.memory.follow(acting.follow)
        for name, session in self._sessions.items():
            life.watch(session.keep_signed_in(), f"cloud {name} signed in")
            life.release.callback(session.close)
            life.release.push_async_callback(self.apis[name].close)
        life.watch(acting.run(), "remote acts")
        reading = Reading(
            lane,
            self._core.indexes.inventory,
            self._core.indexes.remote.on,
            tools.clock,
            tools.metrics,
            ours,
            cluster is None,
        )
        maps = [CloudMap(self.apis[one.name], one, self._settings, reading) for one in self._ears]
        for follower in maps:
            self._core.memory.follow(follower.touched.follow)
            life.watch(follower.run(), f"map of cloud {follower.name}")
        self._core.follows.looks = lambda: tuple(one.look() for one in maps)


def beside(configuration: Configuration, core: Core) -> Beside | None:
    """Return how things are made true in the configured clouds, None where there are none.

    A process that asks no cloud for anything decides as those do that ask.
    """
    settings = configuration.openstack
    if not settings.names:
        return None
    return Beside(
        cloud_among(settings.names),
        core.indexes.remote,
        configuration.notifier.notify,
        settings.disable_on_host_down,
    )


def join_clouds(
    core: Core, configuration: Configuration, cluster: Cluster | None, life: Life
) -> Callable[[Lane], None]:
    """Have plans ask the configured clouds; what is returned begins to do it, once, with a lane.

    Raises Invalid. Nothing happens where no cloud is configured.
    """
    if not configuration.openstack.names:
        return lambda _: None
    clouds = Clouds(configuration, core)
    return lambda lane: clouds.start(lane, cluster, life)


def _check(configuration: Configuration) -> None:
    settings = configuration.openstack
    if settings.clouds and settings.auth_url:
        raise Invalid("[openstack] auth_url", "clouds are named: clouds.yaml says how to sign in")
    for face in settings.serve:
        if face not in FACES:
            raise Invalid("[openstack] serve", f"{face!r} is none of {', '.join(FACES)}")
    names = settings.names
    if len(set(names)) != len(names):
        raise Invalid("[openstack] clouds", "a cloud is named twice")
    if any("/" in name for name in names):
        raise Invalid("[openstack] clouds", "the name of a cloud has no slash")
    if configuration.inspector.server_state_on_host_down is ServerStateOnHostDown.STOPPED:
        raise Invalid(
            "[inspector] server_state_on_host_down",
            "Nova cannot be told that servers are stopped: error or unchanged",
        )
