"""The profiler installed by itself, where the server is not (S74, S78)."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "tests" / "unit" / "profiler" / "pictures"
NAME = re.compile(r"[A-Za-z0-9._-]+")
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody else would, without this environment's paths."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env={**CLEAN, **more}
    )


def needed(asked: list[str]) -> Iterator[metadata.Distribution]:
    """What these requirements need, and what those need, without any extra."""
    seen: set[str] = set()
    while asked:
        requirement = asked.pop()
        name = NAME.match(requirement)
        if name is None or "extra ==" in requirement or name[0].lower() in seen:
            continue
        seen.add(name[0].lower())
        try:
            found = metadata.distribution(name[0])
        except metadata.PackageNotFoundError:
            # For another Python or platform: pip would not install it here either.
            assert ";" in requirement, requirement
            continue
        yield found
        asked += found.requires or []


def lent(distributions: Iterator[metadata.Distribution], folder: Path) -> set[str]:
    """Link the files of distributions, and nothing else, into a folder; return their names."""
    folder.mkdir()
    names = set()
    for one in distributions:
        names.add(one.metadata["Name"].lower())
        tops = {path.parts[0] for path in one.files or [] if path.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            source = Path(str(one.locate_file(top)))
            if not (folder / top).exists():
                (folder / top).symlink_to(source)
    return names


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the profiler's wheel and what that asks for."""
    folder = tmp_path_factory.mktemp("alone")
    source = shutil.copytree(
        ROOT / "packages" / "profiler",
        folder / "source",
        ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"),
    )
    offline = ("--disable-pip-version-check", "-q", "--no-deps", "--no-index")
    pip = (sys.executable, "-m", "pip")
    built = run(*pip, "wheel", *offline, "--no-build-isolation", "-w", folder / "wheels", source)
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "wheels").glob("*.whl")
    home = folder / "environment"
    venv.create(home, with_pip=False)
    put = run(*pip, "--python", home / "bin" / "python", "install", *offline, wheel)
    assert put.returncode == 0, put.stderr
    (site,) = (home / "lib").glob("python*/site-packages")
    (about,) = metadata.distributions(path=[str(site)])
    assert about.metadata["Name"] == "faultwire-profiler"
    names = lent(needed(list(about.requires or [])), folder / "lent")
    assert {"click", "pyyaml", "rich"} <= names
    assert not {"faultwire", "sqlalchemy", "fastapi", "aiohttp"} & names
    (site / "lent.pth").write_text(f"{folder / 'lent'}\n", encoding="utf-8")
    return home / "bin"


def test_the_server_is_not_there(alone: Path) -> None:
    """S78: nothing of the server can be imported, and every module of the profiler can."""
    absent = run(alone / "python", "-c", "import faultwire")
    assert "No module named 'faultwire'" in absent.stderr
    code = (
        "import importlib, pkgutil, faultwire_profiler as p\n"
        "names = [m.name for m in pkgutil.iter_modules(p.__path__) if m.name != 'database']\n"
        "[importlib.import_module('faultwire_profiler.' + n) for n in names]\n"
        "print(p.__file__)\n"
    )
    there = run(alone / "python", "-c", code)
    assert there.returncode == 0, there.stderr
    assert there.stdout.startswith(str(alone.parent))


def test_the_logs_that_come_with_it_are_profiled(alone: Path) -> None:
    """S74, S76, S78: the command alone profiles the shipped example, as it is stored."""
    shown = run(alone / "faultwire-profile", "--example", COLUMNS="100")
    assert shown.returncode == 0, shown.stderr
    text = "\n".join(line.rstrip() for line in shown.stdout.splitlines()) + "\n"
    assert text == (PICTURES / "example.txt").read_text(encoding="utf-8")
    found = json.loads(run(alone / "faultwire-profile", "--example", "--format", "json").stdout)
    assert found["verdicts"] == {"met": 0, "missed": 1, "unknown": 0}
    page = run(alone / "faultwire-profile", "--example", "--format", "html").stdout
    assert page.startswith("<!DOCTYPE html>")


def test_a_database_needs_its_extra(alone: Path) -> None:
    """S77: without SQLAlchemy the command says which extra brings it, in one line."""
    refused = run(alone / "faultwire-profile-list", "sqlite:///x.sqlite")
    assert refused.returncode == 1
    assert "pip install faultwire-profiler[database]" in refused.stderr
    assert "Traceback" not in refused.stderr
