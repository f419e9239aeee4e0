"""One real cloud for all tests of this folder; each test leaves it as it found it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.openstack.client import Client
from tests.openstack.minicloud import ENVIRONMENT, MiniCloud

MISSING = "the services of a real cloud are not here, they are made by: make minicloud"


@pytest.fixture(scope="session")
def cloud(needs_package: Callable[..., str]) -> Iterator[MiniCloud]:
    """Give the cloud; skip without its services, or fail where nothing may be skipped."""
    if not (ENVIRONMENT / ".made").exists():
        if os.environ.get("FAULTWIRE_REQUIRE_PACKAGES") == "1":
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    needs_package("mariadbd", "mariadb-server", "/usr/sbin/mariadbd")
    needs_package("rabbitmq-server", "rabbitmq-server")
    # Its database has a user of its own, who has to get through to its folder.
    folder = Path(mkdtemp(prefix="faultwire-", dir="/tmp"))
    folder.chmod(0o711)
    made = MiniCloud(folder, hosts=3, aodh=True)
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def admin(cloud: MiniCloud) -> Client:
    """Give the cloud's administrator."""
    return Client(cloud)
