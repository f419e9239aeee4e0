"""The requests of `gabbits/*.yaml`, in their order, against the alarming face on a listener."""

import asyncio
import unittest
from pathlib import Path
from typing import Any

import pytest
import yaml
from gabbi import handlers, suitemaker

from faultwire.app.listen import Address, Listener, Tls
from faultwire.faces.alarming.settings import Settings
from tests.api.cloud import running

FILES = sorted((Path(__file__).parent / "gabbits").glob("*.yaml"))


def failures(name: str, suite: dict[str, Any], port: int) -> list[str]:
    """Return what went wrong with the requests of a file, one text for each."""
    tests = suitemaker.test_suite_from_dict(
        unittest.defaultTestLoader,
        name,
        suite,
        str(FILES[0].parent),
        "127.0.0.1",
        port,
        None,
        None,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
        test_loader_name="gabbits",
    )
    result = unittest.TestResult()
    tests.run(result)
    assert result.testsRun == len(suite["tests"])
    wrong = (*result.failures, *result.errors)
    return [f"{test}: {told.strip().splitlines()[-1]}" for test, told in wrong]


def read(path: Path) -> dict[str, Any]:
    """Return what a file says."""
    suite: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return suite


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_every_request_of_the_file_is_answered_so(path: Path) -> None:
    """Aodh's own API tests of old, and a request for each of its answers and refusals."""
    suite = read(path)
    settings = Settings(**suite.pop("settings", {}))
    async with running(alarming_settings=settings) as cloud:
        cloud.indexes.quotas.default(settings.project_alarm_quota, settings.user_alarm_quota)
        listener = Listener(Address("127.0.0.1", 0), Tls(), "listen")
        await listener.start(cloud.root)
        try:
            port = int(listener.url.rpartition(":")[2])
            found = await asyncio.to_thread(failures, path.stem, suite, port)
        finally:
            await listener.stop()
    assert not found, "\n".join(found)
