"""The identity face in process: true deciders, directory, tokens and policy, a clock by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.changes import Audited, Change
from faultwire.domain.commands import Command
from faultwire.domain.ids import ProjectId
from faultwire.faces import stack
from faultwire.faces.identity.app import create
from faultwire.faces.identity.catalog import Catalog
from faultwire.faces.identity.ports import IdentityPorts
from faultwire.identity import bootstrap
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.decide import deciders
from faultwire.identity.directory import MemoryDirectory
from faultwire.identity.passwords import Passwords
from faultwire.identity.settings import Settings
from faultwire.identity.signin import SignIn
from faultwire.identity.tokens import KEY_BYTES, Signer
from faultwire.policy.enforcer import PolicyEnforcer
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch
from faultwire.testing.clock import ManualClock

BASE = "http://cloud.example:8779"
PASSWORDS = {"admin": "correct-admin", "demo": "correct-demo"}
# The cheapest hash, and no waiting: a clock by hand never ends a delay by itself.
SETTINGS = Settings(bcrypt_rounds=4, longest_delay=0.0)


class Lane:
    """Decides and applies at once; keeps the audit record."""

    def __init__(self, directory: MemoryDirectory, clock: ManualClock) -> None:
        self.with_alarms: set[ProjectId] = set()
        self.audit: list[AuditRecord] = []
        self.inventory = ResourceMap()
        self._directory = directory
        self._clock = clock
        self._deciders = deciders(directory, self.with_alarms.__contains__)

    async def submit(self, command: Command) -> object:
        view = MapScratch(self.inventory, Holds())
        deciding = self._deciders[type(command)].decide(command, view, self._clock.instant())
        while True:
            try:
                next(deciding)
            except StopIteration as stop:
                decided = stop.value
                break
        for change in decided.changes:
            self.take(change)
        return decided.answer

    def take(self, change: Change) -> None:
        self._directory.apply(change)
        self.inventory.apply(change)
        if isinstance(change, Audited):
            self.audit.extend(change.records)


class World:
    """A cloud with its two first accounts and a client of its identity face."""

    def __init__(self, settings: Settings = SETTINGS, *, public_url: str = "") -> None:
        self.clock = ManualClock()
        self.directory = MemoryDirectory()
        self.lane = Lane(self.directory, self.clock)
        self.signer = Signer(b"k" * KEY_BYTES)
        self.passwords = Passwords(settings, self.clock)
        self.authenticator = TokenAuthenticator(self.signer, self.directory, self.clock, settings)
        self.signin = SignIn(
            self.signer, self.authenticator, self.directory, self.passwords, self.clock, settings
        )
        self.ids = bootstrap.draw_ids()
        self.app = create(
            IdentityPorts(
                self.directory,
                self.authenticator,
                self.signin,
                self.passwords,
                PolicyEnforcer(),
                self.lane,
                Catalog(),
                public_url,
                settings.page_limit,
            )
        )
        ports = stack.StackPorts(lambda: None, lambda: b"", self.clock)
        self.root = stack.create({"/identity": self.app}, ports)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.root, raise_app_exceptions=False),
            base_url=BASE,
        )

    async def start(self) -> None:
        hashes = {
            name: await self.passwords.hash(password, name) for name, password in PASSWORDS.items()
        }
        for change in bootstrap.first_changes(self.ids, hashes, self.clock.wall_ns()):
            self.lane.take(change)
        self.clock.advance(1)

    async def log_in(
        self, name: str = "admin", password: str | None = None, scope: object = None
    ) -> str:
        """Return a token; the default scope is the user's own project."""
        answer = await self.post_login(name, password or PASSWORDS[name], scope)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]

    async def post_login(self, name: str, password: str, scope: object = None) -> httpx2.Response:
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
        return await self.login({"auth": auth if scope is None else {**auth, "scope": scope}})

    async def login(self, body: object, query: str = "") -> httpx2.Response:
        return await self.client.post(f"/identity/v3/auth/tokens{query}", json=body)

    async def call(
        self, method: str, path: str, token: str = "", body: object = None, **headers: str
    ) -> httpx2.Response:
        """Call below ``/identity/v3``; underscores of header names are dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["X-Auth-Token"] = token
        return await self.client.request(method, f"/identity/v3{path}", json=body, headers=sent)


@asynccontextmanager
async def running(settings: Settings = SETTINGS, **changes: str) -> AsyncIterator[World]:
    """Give a world; `public_url` may be given."""
    world = World(replace(settings), **changes)
    await world.start()
    try:
        yield world
    finally:
        await world.client.aclose()
        world.passwords.close()
