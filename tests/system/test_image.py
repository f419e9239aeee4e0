"""The container image: built, run as its file says, healthy, stopped."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.house.test_packaging import CONTAINER, IMAGE
from tests.house.tree import ROOT
from tests.system.waiting import SECONDS, wait_for

pytestmark = pytest.mark.system

BUILD_SECONDS = 110
TAG = "faultwire:test"
CONFIG = "[server]\nlisten = 0.0.0.0:8779\nbehind_proxy = true\n[identity]\nbcrypt_rounds = 4\n"

Builder = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def builder() -> Builder:
    """Give what runs podman or docker, once the image underneath is there: nothing is fetched."""
    path = next((found for name in ("podman", "docker") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no builder is installed: apt-get install -y podman")

    def call(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
        )
        assert done.returncode == 0 or not check, done.stdout[-2000:] + done.stderr[-2000:]
        return done

    if call("image", "inspect", IMAGE, check=False).returncode:
        pytest.skip(f"{IMAGE} is not here, and nothing is fetched for a test: pull it first")
    # Without it podman leaves the health check out; docker knows no other.
    form = ("--format", "docker") if path.endswith("podman") else ()
    call("build", *form, "--file", CONTAINER, "--tag", TAG, ROOT)
    return call


@pytest.fixture
def container(builder: Builder, tmp_path: Path) -> Iterator[str]:
    """Give a running container with a configuration, whose state is in a volume of its own."""
    # The test's own folder is open to its user alone.
    folder = tmp_path / "etc"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "faultwire.conf").write_text(CONFIG)
    mounted = f"{folder}:/etc/faultwire:ro"
    run = ("run", "--detach", "--network", "none", "--volume", mounted, TAG)
    name = builder(*run).stdout.strip()
    yield name
    with suppress(subprocess.TimeoutExpired):
        builder("rm", "--force", "--volumes", name, check=False)


def test_the_image_serves_and_is_stopped(builder: Builder, container: str) -> None:
    """Its own health check passes, its user has no rights, a stop is clean, its state stays."""
    (about,) = json.loads(builder("inspect", container).stdout)
    check = about["Config"]["Healthcheck"]["Test"]
    assert check == ["CMD", "faultwire", "status", "--healthcheck"]

    def healthy() -> bool:
        return builder("exec", container, *check[1:], check=False).stdout == "OK\n"

    wait_for(healthy, "the health check passes", SECONDS)
    assert builder("exec", container, "id", "-u").stdout == "10001\n"
    state = builder("exec", container, "cat", "/var/lib/faultwire/clouds.yaml").stdout
    builder("stop", container)
    (about,) = json.loads(builder("inspect", container).stdout)
    assert about["State"]["ExitCode"] == 0
    builder("start", container)
    wait_for(healthy, "it is healthy again", SECONDS)
    assert builder("exec", container, "cat", "/var/lib/faultwire/clouds.yaml").stdout == state
