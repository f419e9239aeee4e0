"""Looks whether all that we depend on is ready: asks, each question with a deadline of its own."""

import asyncio
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from faultwire.app.doors import on_loopback
from faultwire.app.listening import buses_of
from faultwire.config.configuration import Configuration
from faultwire.controllers.openstack import readiness
from faultwire.controllers.openstack.examining import SERVICES, Examiner
from faultwire.controllers.openstack.readiness import BusSeen, Probed
from faultwire.controllers.openstack.session import CloudSession
from faultwire.domain import signature
from faultwire.domain.errors import FaultwireError, Unavailable
from faultwire.domain.findings import Finding, Level
from faultwire.domain.ids import ProjectId
from faultwire.domain.notices import PortNotice, ServiceNotice
from faultwire.messaging import tls
from faultwire.messaging.addresses import Broker
from faultwire.messaging.examining import look, overhear
from faultwire.monitors import notified
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.endpoint import Endpoints
from faultwire.ports import Clock
from faultwire.store import SCHEMA, embedded_file, engine_of, revision_of

log = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS = 10.0
"""Deadline of each check."""
TOLD_SECONDS = 8.0
"""How long a cloud may take to tell of a change."""
TEST = {"type": "doctor.test"}
QUEUES: Mapping[str, frozenset[str]] = {
    "Nova": frozenset({"conductor", "scheduler", "compute"}),
    "Trove": frozenset({"trove-conductor", "taskmanager"}),
}
"""Queues of the services' own calls in a virtual host, where an exchange has their name."""
"""Nova's exchange."""

Judge = Callable[[str, Any], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """One question and what its answer means; `mend` is for a question that stays unanswered."""

    name: str
    ask: Callable[[], Awaitable[Any]]
    judge: Judge
    mend: tuple[str, ...] = ()


async def run(check: Check, seconds: float = SECONDS) -> Finding:
    """Ask and judge within a deadline; whatever goes wrong is a finding."""
    try:
        async with asyncio.timeout(seconds):
            fact = await check.ask()
    except TimeoutError:
        return readiness.fail(check.name, f"no answer within {seconds:g} s", *check.mend)
    except FaultwireError as error:
        return readiness.unasked(check.name, error, *check.mend)
    return check.judge(check.name, fact)


async def run_all(checks: Iterable[Check], seconds: float = SECONDS) -> list[Finding]:
    """Run checks at the same time; return their findings in their order."""
    return await asyncio.gather(*(run(one, seconds) for one in checks))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at: clouds by name, a webhook, and whether clouds are made to tell."""

    clouds: tuple[str, ...]
    webhook: str = ""
    probe: bool = False
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines an installation by its configuration; `examine` gives each part as it is done."""

    configuration: Configuration
    state_dir: Path
    clock: Clock
    wanted: Wanted

    async def examine(self) -> Mapping[str, Sequence[Finding]]:
        """Return the findings by part: `faultwire`, then each cloud."""
        parts = {"faultwire": self._ours()}
        parts |= {f"cloud {name}": self._cloud(name) for name in self.wanted.clouds}
        found = await asyncio.gather(*parts.values())
        return dict(zip(parts, found, strict=True))

    # ---------------------------------------------------------------- ours

    async def _ours(self) -> list[Finding]:
        checks = [Check("database", self._database, _database,
                        ("faultwire.conf: [database] connection",))]  # fmt: skip
        broker = tls.configured(
            self.configuration.default, self.configuration.oslo_messaging_rabbit
        )
        if broker is not None:
            mend = ("faultwire.conf: [DEFAULT] transport_url",)
            judge = partial(_bus, broker.queues)
            checks.append(Check("bus", partial(self._look, broker), judge, mend))
        if self.wanted.webhook:
            checks.append(Check("webhook", self._webhook, _webhook))
        return await run_all(checks, self.wanted.seconds)

    async def _database(self) -> tuple[str, str | None]:
        settings = self.configuration.database
        if not settings.connection and not self.state_dir.exists():
            return "", SCHEMA
        engine = engine_of(settings.connection, self.state_dir, settings)
        file = embedded_file(engine)
        if file is not None and not file.exists():
            return "", SCHEMA
        try:
            return engine.dialect.name, await in_thread(lambda: revision_of(engine))
        finally:
            engine.dispose()

    async def _webhook(self) -> str:
        configuration, url = self.configuration, self.wanted.webhook
        rules = guard.rules_of(configuration.notifier, on_loopback=on_loopback(configuration))
        endpoints = Endpoints(rules, configuration.notifier, self.clock, lambda _: ())
        try:
            secret = signature.new_secret(secrets.token_bytes(32))
            return await endpoints.ask(ProjectId("doctor"), url, "doctor", TEST, secret)
        finally:
            await endpoints.close()

    async def _look(self, broker: Broker) -> BusSeen:
        settings = self.configuration.listener
        seen = await in_thread(lambda: look(broker, settings))
        return BusSeen(str(broker), seen.exchanges, seen.waiting, seen.readers)

    # ---------------------------------------------------------------- a cloud

    async def _cloud(self, name: str) -> list[Finding]:
        settings = replace(self.configuration.openstack, timeout=self.wanted.seconds)
        try:
            session = CloudSession(name, self.clock, settings)
        except FaultwireError as error:
            mend = "see clouds.yaml, and [openstack] clouds_yaml of faultwire.conf"
            return [readiness.unasked("account", error, mend)]
        examiner = Examiner(session, self.clock)
        try:
            return await self._examined(name, session, examiner)
        finally:
            await examiner.close()
            session.close()

    async def _examined(
        self, name: str, session: CloudSession, examiner: Examiner
    ) -> list[Finding]:
        seconds = self.wanted.seconds
        mend = tuple(line.replace("NAME", name) for line in readiness.SIGN_IN)
        first = await run(
            Check("account", examiner.signed_in, readiness.signing_in, mend), seconds
        )
        broker = self._broker(name, session.transport_url)
        about_bus = Check("bus", partial(self._bus, broker), readiness.bus,
                          ("transport_url of the cloud",))  # fmt: skip
        if first.level is Level.FAIL and not session.has_token:
            return [first, await run(about_bus, seconds)]
        checks = [*_checks(name, examiner), about_bus]
        found = await run_all(checks, seconds)
        probing = Check(
            "notifications", partial(self._probed, examiner, broker), readiness.telling
        )
        return [first, *found, await run(probing, seconds + TOLD_SECONDS)]

    def _broker(self, name: str, url: str) -> Broker | None:
        """Return the bus on which the server hears the cloud."""
        clouds = dict.fromkeys(self.configuration.openstack.names or (name,), "")
        for bus in buses_of(self.configuration, {**clouds, name: url}):
            if bus.cloud == name:
                return tls.configured(bus.url, self.configuration.oslo_messaging_rabbit)
        return None

    async def _bus(self, broker: Broker | None) -> BusSeen | None:
        return None if broker is None else await self._look(broker)

    async def _probed(self, examiner: Examiner, broker: Broker | None) -> Probed | None:
        """Have the cloud write what already is, and hear whether it tells of it."""
        if broker is None or not self.wanted.probe:
            return None
        listener, listening = self.configuration.listener, _Listening()
        keys = [f"{topic}.info" for topic in listener.topics]
        heard = asyncio.ensure_future(
            in_thread(
                lambda: overhear(
                    broker,
                    listener.exchanges,
                    keys,
                    listening.take,
                    listening.ready,
                    listening.stop,
                )
            )
        )
        try:
            while not listening.ready.is_set() and not heard.done():
                await self.clock.sleep(0.02)
            if heard.done():
                heard.result()
            listening.host, listening.port = await examiner.say_again()
            async with asyncio.timeout(TOLD_SECONDS):
                while not listening.all and not heard.done():
                    await self.clock.sleep(0.05)
        except TimeoutError:
            pass
        finally:
            listening.stop.set()
        return listening.outcome()


class _Listening:
    """What is waited for, and what came: written by the thread that hears, read by the loop."""

    def __init__(self) -> None:
        self.ready, self.stop = threading.Event(), threading.Event()
        self.host: str | None = None
        self.port: str | None = None
        self._heard: set[tuple[str, str]] = set()

    def take(self, event_type: str, payload: object) -> bool:
        try:
            found = notified.notices(event_type, payload) or ()
        except FaultwireError:
            return False
        for one in found:
            if isinstance(one, ServiceNotice):
                self._heard.add(("host", one.host))
            elif isinstance(one, PortNotice):
                self._heard.add(("port", one.id))
        return False

    @property
    def all(self) -> bool:
        wanted = {("host", self.host), ("port", self.port)}
        return all(one in self._heard for one in wanted if one[1] is not None)

    def outcome(self) -> Probed:
        return Probed(
            None if self.host is None else ("host", self.host) in self._heard,
            None if self.port is None else ("port", self.port) in self._heard,
            TOLD_SECONDS,
        )


def _checks(name: str, examiner: Examiner) -> list[Check]:
    """Return what is asked of a cloud's services; order is that of the report."""
    log_of = {"compute": "Nova", "network": "Neutron", "identity": "Keystone"}
    return [
        Check("catalogue", examiner.signed_in, readiness.catalogue),
        *(
            Check(f"{one} endpoint", partial(examiner.root, one), readiness.endpoint,
                  (f"see that {log_of[one]} runs: openstack --os-cloud {name} catalog list",))
            for one in SERVICES
        ),
        Check("microversions", partial(examiner.root, "compute"), readiness.microversions),
        Check("services", examiner.services, readiness.services),
        Check("servers", examiner.servers, readiness.servers),
        Check("ports", examiner.ports, readiness.ports),
        Check("forcing down", examiner.forcing, readiness.forcing),
        Check("port extension", partial(examiner.network, f"/extensions/{readiness.EXTENSION}"),
              readiness.extension),
        Check("clocks", examiner.roots, readiness.clock),
        Check("our endpoints", examiner.signed_in, readiness.registered),
    ]  # fmt: skip


def _database(check: str, found: tuple[str, str | None]) -> Finding:
    kind, revision = found
    if not kind:
        return readiness.ok(check, "embedded, and made at the first start")
    if revision == SCHEMA:
        return readiness.ok(check, f"{kind} answers, schema {SCHEMA}")
    text = f"{kind} answers, schema {revision or 'none'}; this version needs {SCHEMA}"
    return readiness.warn(check, text, "faultwire db upgrade")


def _bus(queues: Mapping[str, str], check: str, found: BusSeen) -> Finding:
    text = f"{found.address} lets us in"
    for service, theirs in QUEUES.items():
        shared = sorted(theirs & set(queues.values()))
        if service.lower() in found.exchanges and shared:
            return readiness.fail(
                check,
                f"{text}; it is {service}'s virtual host too: {service}'s and ours is the queue"
                f" {', the queue '.join(shared)}",
                "faultwire.conf: [DEFAULT] conductor_queue, taskmanager_queue: other names",
                "or a virtual host of our own: rabbitmqctl add_vhost faultwire",
                "faultwire.conf: [DEFAULT] transport_url ="
                " rabbit://USER:PASSWORD@HOST:5672/faultwire",
                "clouds.yaml, in the cloud's entry: transport_url: the services', by which they"
                " are heard",
            )
    return readiness.ok(check, text)


def _webhook(check: str, came: str) -> Finding:
    if not came:
        return readiness.ok(check, "it answers")
    return readiness.fail(
        check, f"it cannot be delivered to: {came}",
        "[notifier] allow_networks, where its network is a private one; else its own server",
    )  # fmt: skip


async def in_thread(work: Callable[[], T]) -> T:
    """Return what blocking work gives; its thread keeps nobody from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not done.done():
            set_it(value)

    def target() -> None:
        try:
            found = work()
        except FaultwireError as error:
            _call(loop, settle, done.set_exception, error)
        except Exception as error:
            log.exception("a look broke off; this is a defect")
            text = f"{type(error).__name__}: {error}"
            _call(loop, settle, done.set_exception, Unavailable(text, text))
        else:
            _call(loop, settle, done.set_result, found)

    threading.Thread(target=target, daemon=True).start()
    return await done


def _call(loop: asyncio.AbstractEventLoop, *what: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(*what)
