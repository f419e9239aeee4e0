"""Real servers, receivers of webhooks and agents, each ended with its test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.agents import Agents
from tests.system.hooks import Hooks
from tests.system.rabbit import Rabbit, broker
from tests.system.served import Config, Server

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Give a function that starts a server with settings by section."""
    made: list[Server] = []

    def start(config: Config | None = None, name: str = "one", **more: str) -> Server:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        server = Server(folder, config, **more)
        made.append(server)
        return server.start()

    yield start
    for server in made:
        server.close()


@pytest.fixture
def server(serve: Serve) -> Server:
    """Give a fresh server."""
    return serve()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give one server to all tests of a module that only call it."""
    server = Server(tmp_path_factory.mktemp("standing"), {})
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks on a free port."""
    made = Hooks()
    yield made
    made.close()


@pytest.fixture
def agents(server: Server, tmp_path: Path) -> Iterator[Agents]:
    """Give what enrols and starts agents of the fresh server's hosts."""
    made = Agents(server, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def broker_of_session(needs_package: Callable[..., str]) -> Iterator[Rabbit]:
    """Give a RabbitMQ that the tests of this worker share."""
    yield from broker(needs_package)


@pytest.fixture
def rabbit(broker_of_session: Rabbit) -> Rabbit:
    """Give the RabbitMQ, running whatever the last test did to it."""
    return broker_of_session.start()
