"""What the services of the small cloud are told: their configuration files, as data."""

from collections.abc import Mapping
from pathlib import Path

Section = Mapping[str, object]

ADMIN = "admin"
PASSWORD = "secret"
REGION = "RegionOne"


def text(sections: Mapping[str, Section]) -> str:
    """Return the sections as a file that oslo.config reads; a list repeats its option."""
    lines = []
    for name, options in sections.items():
        lines.append(f"[{name}]")
        for option, value in options.items():
            values = value if isinstance(value, list) else [value]
            lines += [f"{option} = {one}" for one in values]
    return "\n".join(lines) + "\n"


def auth(keystone: str) -> dict[str, object]:
    """Return how a service signs in at Keystone."""
    return {
        "auth_type": "password",
        "auth_url": keystone,
        "username": ADMIN,
        "password": PASSWORD,
        "project_name": ADMIN,
        "user_domain_id": "default",
        "project_domain_id": "default",
        "region_name": REGION,
    }


def keystone(folder: Path, database: str) -> dict[str, Section]:
    """Return Keystone's configuration."""
    return {
        "DEFAULT": {"log_file": folder / "log" / "keystone.log"},
        "database": {"connection": f"{database}/keystone"},
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": folder / "fernet"},
        "credential": {"key_repository": folder / "credential"},
    }


def placement(folder: Path, database: str, identity: str) -> dict[str, Section]:
    """Return Placement's configuration."""
    return {
        "DEFAULT": {"log_file": folder / "log" / "placement.log"},
        "placement_database": {"connection": f"{database}/placement"},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": {"www_authenticate_uri": identity, **auth(identity)},
    }


def nova(
    folder: Path, database: str, identity: str, transport: str, urls: Mapping[str, str]
) -> dict[str, Section]:
    """Return Nova's configuration: the fake driver, notifications in both forms.

    A service that is dead is noticed after a minute, as in a plain installation, so that whoever
    knows earlier did not wait for Nova.
    """
    signed_in = auth(identity)
    return {
        "DEFAULT": {
            "state_path": folder / "state",
            "transport_url": transport,
            "compute_driver": "fake.FakeDriver",
            "my_ip": "127.0.0.1",
            "report_interval": 10,
            "service_down_time": 60,
            "rpc_response_timeout": 30,
        },
        "api_database": {"connection": f"{database}/nova_api"},
        "database": {"connection": f"{database}/nova"},
        "keystone_authtoken": {"www_authenticate_uri": identity, **signed_in},
        "service_user": {"send_service_user_token": True, **signed_in},
        "placement": signed_in,
        "neutron": {"endpoint_override": urls["network"], **signed_in},
        "glance": {"endpoint_override": urls["image"]},
        "cinder": signed_in,
        "quota": {"instances": -1, "cores": -1, "ram": -1},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1},
        "filter_scheduler": {"enabled_filters": "ComputeFilter"},
        "notifications": {
            "notification_format": "both",
            "notify_on_state_change": "vm_and_task_state",
        },
        "oslo_messaging_notifications": {"driver": "messagingv2"},
        "oslo_concurrency": {"lock_path": folder / "state" / "locks"},
        "vnc": {"enabled": False},
    }


def neutron(
    folder: Path, database: str, identity: str, transport: str, paste: Path
) -> dict[str, Section]:
    """Return Neutron's configuration: ML2 without agents, the data plane status extension."""
    return {
        "DEFAULT": {
            "auth_strategy": "keystone",
            "core_plugin": "ml2",
            "service_plugins": "",
            "state_path": folder / "state",
            "api_paste_config": paste,
            "transport_url": transport,
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": False,
        },
        "database": {"connection": f"{database}/neutron"},
        "keystone_authtoken": {"www_authenticate_uri": identity, **auth(identity)},
        "oslo_messaging_notifications": {"driver": "messagingv2"},
        "oslo_concurrency": {"lock_path": folder / "state" / "locks"},
        "quotas": {
            f"quota_{kind}": -1
            for kind in ("port", "network", "subnet", "security_group", "security_group_rule")
        },
        "ml2": {
            "type_drivers": "local,flat,vlan",
            "tenant_network_types": "local",
            "mechanism_drivers": "",
            "extension_drivers": "port_security,data_plane_status",
        },
    }


def aodh(
    folder: Path, database: str, identity: str, transport: str, paste: Path
) -> dict[str, Section]:
    """Return Aodh's configuration, with its own defaults otherwise."""
    return {
        "DEFAULT": {"transport_url": transport, "log_dir": folder / "log"},
        "database": {"connection": f"{database}/aodh"},
        "api": {"auth_mode": "keystone", "paste_config": paste},
        "keystone_authtoken": {"www_authenticate_uri": identity, **auth(identity)},
        "service_credentials": auth(identity),
    }


def clouds(name: str, identity: str) -> str:
    """Return a clouds.yaml with one cloud, its administrator signed in."""
    return f"""\
clouds:
  {name}:
    auth:
      auth_url: {identity}
      username: {ADMIN}
      password: {PASSWORD}
      project_name: {ADMIN}
      user_domain_id: default
      project_domain_id: default
    region_name: {REGION}
    identity_api_version: 3
"""
