"""What every test may use: packages of the system, hypothesis profiles."""

import os
import shutil
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# Whatever the environment says: without bytecode each worker compiles every test, and each process
# that a test starts compiles the product, which is a third of its start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No deadline: a test that times itself fails on a busy machine and proves nothing.
settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("FAULTWIRE_HYPOTHESIS_PROFILE", "default"))


def _needs_package(binary: str, package: str, path: str | None = None) -> str:
    path = path or shutil.which(binary)
    if path is not None:
        return path
    missing = f"{binary} is not installed: apt-get install -y {package}"
    if os.environ.get("FAULTWIRE_REQUIRE_PACKAGES") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def needs_package() -> Callable[..., str]:
    """Give a function (binary, Debian package, its path if known) that returns the path.

    Without the binary it skips the test with the line that installs the package; with
    FAULTWIRE_REQUIRE_PACKAGES=1 it fails it instead, so that a full run skips nothing unseen.
    """
    return _needs_package
