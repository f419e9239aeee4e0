"""The floors and doors of .importlinter hold, and would notice if they did not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import tree

# One planted import for each contract: module, the line it holds.
PLANTED = {
    "acyclic": {
        "store/one.py": "import faultwire.store.two",
        "store/two.py": "import faultwire.store.one",
    },
    "controllers-apart": {
        "controllers/embedded/rows.py": "import faultwire.controllers.openstack.nova",
        "controllers/openstack/nova.py": "",
    },
    "door-bmc": {"liveness/bmc.py": "import sushy"},
    "door-bus": {"monitors/wire.py": "import oslo_messaging"},
    "door-configuration": {"faces/options.py": "import oslo_config.cfg"},
    "door-openstack": {"controllers/embedded/nova.py": "import openstack"},
    "door-policy": {"faces/rules.py": "from oslo_policy import policy"},
    "door-processes": {"notifier/spawn.py": "import subprocess"},
    "door-sql": {"faces/rows.py": "import sqlalchemy.orm"},
    "faces-apart": {
        "faces/fault/a.py": "import faultwire.faces.alarming.b",
        "faces/alarming/b.py": "",
    },
    "faces-translate": {"faces/short.py": "import faultwire.store.engine", "store/engine.py": ""},
    "floors": {"domain/up.py": "import faultwire.ports"},
    "profiler-apart": {"../faultwire_profiler/a.py": "import faultwire.domain"},
    "pipeline-composes": {"pipeline.py": "import faultwire.telemetry"},
    "pure": {"inspector/when.py": "import time"},
}
MORE_FOR_FLOORS = {
    "a stage knows another": {"monitors/a.py": "import faultwire.inspector"},
    "a new top-level name has no floor": {"drawer.py": ""},
}
MORE_FOR_PURE = {
    "through another module": {
        "inspector/why.py": "import faultwire.telemetry.clock",
        "telemetry/clock.py": "import time",
    },
    "the evaluator's toolkit": {"notifier/evaluator/rules.py": "import pydantic"},
    "the profile's clock": {"../faultwire_profiler/profile.py": "import time"},
    "the suspicion's thread": {"liveness/suspicion.py": "import threading"},
}
CASES = [
    *((contract, contract, files) for contract, files in PLANTED.items()),
    *(("floors", why, files) for why, files in MORE_FOR_FLOORS.items()),
    *(("pure", why, files) for why, files in MORE_FOR_PURE.items()),
]
PACKAGES = (
    "domain",
    "ports",
    "resourcemap",
    "telemetry",
    "identity",
    "policy",
    "store",
    "liveness",
    "messaging",
    "monitors",
    "inspector",
    "controllers",
    "notifier",
    "consumers",
    "notifier/evaluator",
    "controllers/embedded",
    "controllers/openstack",
    "pipeline",
    "faces",
    "faces/fault",
    "faces/alarming",
)


def _lint(sources: tuple[Path, ...], *options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages below `sources` under our contracts."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-logo",
            "--no-cache",
            *options,
        ],
        cwd=tree.ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, sources)),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_contracts_are_kept() -> None:
    """Every floor and door of .importlinter holds for the product."""
    result = _lint((tree.ROOT / "src", tree.ROOT / "packages" / "profiler" / "src"))
    if result.returncode != 0:
        pytest.fail(result.stdout + result.stderr, pytrace=False)


def test_every_contract_has_a_planted_fault() -> None:
    """No contract is written without a test that it bites."""
    text = (tree.ROOT / ".importlinter").read_text(encoding="utf-8")
    assert set(re.findall(r"^\[importlinter:contract:(.+)\]", text, re.MULTILINE)) == set(PLANTED)


@pytest.mark.parametrize(("contract", "why", "planted"), CASES, ids=[case[1] for case in CASES])
def test_a_planted_fault_is_caught(
    tmp_path: Path, contract: str, why: str, planted: dict[str, str]
) -> None:
    """An import across a floor or past a door breaks the contract that forbids it."""
    package = tmp_path / "faultwire"
    (tmp_path / "faultwire_profiler").mkdir()
    (tmp_path / "faultwire_profiler" / "__init__.py").touch()
    for name in ("", *(name for name in PACKAGES if f"{name}.py" not in planted)):
        (package / name).mkdir(exist_ok=True)
        (package / name / "__init__.py").touch()
    for name, line in planted.items():
        (package / name).write_text(line, encoding="utf-8")
    result = _lint((tmp_path,), "--contract", contract)
    assert result.returncode == 1, why
    assert " BROKEN" in result.stdout, result.stdout + result.stderr
