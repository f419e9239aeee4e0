"""Run the chosen tests of OpenStack's own suite, and read what the documentation says of them."""

import csv
import io
import os
import re
import subprocess
from pathlib import Path

PACKAGE = "tempest.api.compute."
CHOSEN = (
    "admin.test_availability_zone",
    "admin.test_availability_zone_negative",
    "admin.test_delete_server",
    "admin.test_hosts",
    "admin.test_hosts_negative",
    "admin.test_hypervisor",
    "admin.test_hypervisor_negative",
    "admin.test_servers",
    "admin.test_servers_negative",
    "admin.test_services",
    "admin.test_services_negative",
    "flavors.test_flavors",
    "flavors.test_flavors_negative",
    "servers.test_availability_zone",
    "servers.test_create_server",
    "servers.test_delete_server",
    "servers.test_disk_config",
    "servers.test_list_server_filters",
    "servers.test_list_servers_negative",
    "servers.test_multiple_create",
    "servers.test_multiple_create_negative",
    "servers.test_server_actions",
    "servers.test_server_metadata",
    "servers.test_server_metadata_negative",
    "servers.test_servers",
    "servers.test_servers_microversions",
    "servers.test_servers_negative",
    "test_versions",
)
"""Modules of the suite that are about what is served."""

SECONDS = 300
_PASSED = re.compile(r"^\| `([\w.]+)` \| (`test_[^|]*) \|$", re.MULTILINE)
_FAILED = re.compile(r"^\| `([\w.]+\.test_\w+)` \| ", re.MULTILINE)


def run(environment: Path, configuration: Path) -> dict[str, str]:
    """Return the result of each chosen test: `success`, `failure` or `skip`.

    `environment` is the virtual environment of the suite, which runs two classes at a time and
    keeps what it writes beside its `configuration`.
    """
    folder = configuration.parent
    (found,) = environment.glob("lib/python3.*/site-packages")
    (folder / ".stestr.conf").write_text(
        f"[DEFAULT]\ntest_path={found}/tempest/test_discover\ntop_dir={found}\n"
        "group_regex=([^\\.]*\\.)*\n"
    )
    chosen = "|".join(re.escape(name) for name in CHOSEN)
    env = {
        "HOME": str(folder),
        "NO_PROXY": "*",
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TEMPEST_CONFIG": configuration.name,
        "TEMPEST_CONFIG_DIR": str(folder),
    }
    regex = f"^{re.escape(PACKAGE)}({chosen})\\."
    done = subprocess.run(
        ["tempest", "run", "--subunit", "--concurrency", "2", "--regex", regex],
        executable=environment / "bin" / "tempest",
        cwd=folder,
        env=env,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    (folder / "subunit").write_bytes(done.stdout)
    read = subprocess.run(
        [environment / "bin" / "subunit2csv", "--no-passthrough"],
        input=done.stdout,
        env=env,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    rows = list(csv.DictReader(io.StringIO(read.stdout.decode())))
    assert rows, (done.stderr + read.stderr).decode()[-4000:]
    return {_short(row["test"]): row["status"] for row in rows}


def _short(name: str) -> str:
    """Return a test's name without the suite's package and what is in brackets behind it."""
    return name.partition("[")[0].replace(PACKAGE, "")


def told(page: Path) -> tuple[set[str], set[str]]:
    """Return the tests that a page of the documentation says pass, and those that fail."""
    text = page.read_text(encoding="utf-8")
    passed = {
        f"{row[1]}.{name}"
        for row in _PASSED.finditer(text)
        for name in re.findall(r"`(\w+)`", row[2])
    }
    return passed, {row[1] for row in _FAILED.finditer(text)}
