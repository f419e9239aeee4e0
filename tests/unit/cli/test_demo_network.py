"""The demo's network where it cannot be made."""

import os
from pathlib import Path

import pytest

from faultwire.cli.demo_network import Network
from faultwire.cli.demo_world import DemoError


def test_it_is_for_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody else is told so, and nothing is made."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DemoError, match="root"), Network(2):
        pass


def test_it_needs_the_program_ip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is none, it is named."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match="program ip"), Network(2):
        pass


def test_hosts_and_gateway_have_addresses_of_their_own() -> None:
    """Fifty hosts, the gateway, and ourselves: none shares one."""
    addresses = {Network.address(host) for host in (*range(1, 51), 254)} | {"198.18.53.1"}
    assert len(addresses) == 52
