"""The whole configuration: one Settings per section, joined."""

from dataclasses import dataclass
from pathlib import Path

from faultwire.config import database, deadman, load, server
from faultwire.controllers.fencing import settings as fencing
from faultwire.controllers.openstack import settings as openstack
from faultwire.faces.alarming import settings as alarming
from faultwire.faces.compute import settings as compute
from faultwire.faces.fault import alertmanager_settings as alertmanager
from faultwire.faces.fault import settings as fault
from faultwire.faces.image import settings as image
from faultwire.faces.network import settings as network
from faultwire.identity import keystone_settings as keystone
from faultwire.identity import settings as identity
from faultwire.inspector import guard_settings as guards
from faultwire.inspector import settings as inspector
from faultwire.liveness import cluster_settings as cluster
from faultwire.liveness import damping_settings as damping
from faultwire.liveness import guest_settings as guests
from faultwire.liveness import quorum_settings as quorum
from faultwire.liveness import settings as liveness
from faultwire.messaging import settings as messaging
from faultwire.monitors import redfish_settings as redfish
from faultwire.notifier import prometheus_settings as prometheus
from faultwire.notifier import settings as notifier
from faultwire.policy import settings as policy
from faultwire.store import settings as store
from faultwire.telemetry import profiler_settings as profiler

SECTIONS: load.Sections = {
    load.DEFAULT: messaging.Settings,
    "server": server.Settings,
    "database": database.Settings,
    "retention": store.Retention,
    "identity": identity.Settings,
    "policy": policy.Settings,
    "cluster": cluster.Settings,
    "liveness": liveness.Settings,
    "quorum": quorum.Settings,
    "damping": damping.Settings,
    "guests": guests.Settings,
    "inspector": inspector.Settings,
    "fencing": fencing.Settings,
    "redfish": redfish.Settings,
    "openstack": openstack.Settings,
    "keystone": keystone.Settings,
    "guards": guards.Settings,
    "alertmanager": alertmanager.Settings,
    "notifier": notifier.Settings,
    "fault": fault.Settings,
    "network": network.Settings,
    "compute": compute.Settings,
    "image": image.Settings,
    "alarming": alarming.Settings,
    "prometheus": prometheus.Settings,
    "deadman": deadman.Settings,
    "profiler": profiler.Settings,
    "oslo_messaging_rabbit": messaging.RabbitSettings,
    "upgrade_levels": messaging.UpgradeLevels,
    "listener": messaging.ListenerSettings,
}
"""Every section of the configuration file and who owns it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Frozen settings of every part."""

    default: messaging.Settings
    server: server.Settings
    database: database.Settings
    retention: store.Retention
    identity: identity.Settings
    policy: policy.Settings
    cluster: cluster.Settings
    liveness: liveness.Settings
    quorum: quorum.Settings
    damping: damping.Settings
    guests: guests.Settings
    inspector: inspector.Settings
    fencing: fencing.Settings
    redfish: redfish.Settings
    openstack: openstack.Settings
    keystone: keystone.Settings
    guards: guards.Settings
    alertmanager: alertmanager.Settings
    notifier: notifier.Settings
    fault: fault.Settings
    network: network.Settings
    compute: compute.Settings
    image: image.Settings
    alarming: alarming.Settings
    prometheus: prometheus.Settings
    deadman: deadman.Settings
    profiler: profiler.Settings
    oslo_messaging_rabbit: messaging.RabbitSettings
    upgrade_levels: messaging.UpgradeLevels
    listener: messaging.ListenerSettings


def read(path: Path | None = None) -> Configuration:
    """Return the configuration of a file (None: defaults and environment); raises Invalid."""
    return Configuration(**load.load(SECTIONS, path))
