"""What holds for every unit test."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faultwire.store import Engine, engine_in_folder, upgrade
from faultwire.store.engine import FILE_NAME


@pytest.fixture(scope="session")
def with_schema(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Engine]:
    """Give `engine_in_folder` for a folder without a database, which is made with our schema.

    It is a copy: the migrations run once.
    """
    made = tmp_path_factory.mktemp("schema")
    engine = engine_in_folder(made)
    upgrade(engine)
    engine.dispose()

    def copied(folder: Path, **options: float) -> Engine:
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(made / FILE_NAME, folder)
        return engine_in_folder(folder, **options)

    return copied


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """Undo what a command that is run within the tests does to logging."""
    root, ours = logging.getLogger(), logging.getLogger("faultwire")
    levels, handlers = (root.level, ours.level), root.handlers[:]
    yield
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    root.handlers[:] = handlers
