"""The main job on a real cloud beside which a Faultwire server runs: its servers, its host."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import click

from faultwire.cli.demo import QUIET_SECONDS, scratch
from faultwire.cli.demo_outcome import Outcome
from faultwire.cli.demo_world import DemoError, NotNoticedError, World, wait_for
from faultwire.cli.verify_nova import MARK, STATE_SECONDS, Api, Nova, Wanted
from faultwire.cli.verify_owners import Owners
from faultwire.cli.verify_ways import Commanded, Forced, Reported, Way
from faultwire.client import ClientError
from faultwire_profiler import Instant, Mark, profile, to_json

MAP_SECONDS = 180.0
"""Until a new server is in Faultwire's map: one regular look at a cloud, and some more."""

FAULT = "compute.host.down"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator chose; empty: chosen by us."""

    by: str = "report"
    host: str = ""
    with_others: bool = False
    commands: tuple[str, str] = ("", "")
    listen: str = ""
    seconds: float = 60.0
    """Within which owners are to be told; what is over 1 s misses the law in any case."""
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True)
class RealCloud:
    """Implements `Deployment`: servers on one host of a cloud, alarms in Faultwire."""

    cloud: Api
    ours: Api
    name: str
    """What clouds.yaml calls the cloud."""
    choice: Choice
    say: Callable[[str], None]

    @contextmanager
    def ready(self, servers: int) -> Iterator["CloudJob"]:
        """Make servers and alarms, and take them away whatever happens."""
        with scratch() as folder, World(folder) as world, _asked_to_end():
            job = CloudJob(self, Nova(self.cloud, f"{MARK}-{uuid4().hex[:8]}"))
            try:
                job.make(world, servers)
                yield job
            except BaseException:
                for trouble in job.undo():
                    self.say(trouble)
                raise
            if left := job.undo():
                raise DemoError("; ".join(left))


class CloudJob:
    """Servers of ours on a host, that can be taken down any number of times."""

    def __init__(self, deployment: RealCloud, nova: Nova) -> None:
        """Ask nobody yet."""
        self._with = deployment
        self._choice = deployment.choice
        self._nova = nova
        self._ours = deployment.ours
        self._owners = Owners(deployment.ours, nova.name)
        self._host = ""
        self._here = ""
        self._way: Way | None = None
        self._made = self._down = False

    # ---------------------------------------------------------------- making

    def make(self, world: World, count: int) -> None:
        """Choose a host, make servers on it and alarms for them."""
        service = self._choose()
        self._host = str(service["host"])
        self._made = True
        self._with.say(f"{count} servers are made on {self._host}")
        servers = self._nova.make(self._host, count, self._choice.wanted)
        ids = {str(one["id"]) for one in servers}
        self._with.say("they are active; Faultwire's map is waited for")
        self._here = self._known(ids)
        self._way = self._chosen_way(str(service["id"]))
        self._owners.watch(world, self._choice.listen, servers, self._way)

    def _choose(self) -> dict[str, Any]:
        """Return the service of the host; DemoError where none may be used."""
        named = self._choice.host
        if named:
            service = self._nova.service(named)
            if why := _unfit(service):
                message = f"host {named} {why}"
                raise DemoError(message)
            self._refuse_others(named)
            return service
        for service in self._nova.services():
            if not _unfit(service) and not self._nova.others(service["host"]):
                return service
        message = (
            "no host is up, enabled and without servers: name one by --host, and add "
            "--with-others if what runs there may be hit"
        )
        raise DemoError(message)

    def _refuse_others(self, host: str) -> None:
        if self._choice.with_others:
            return
        if others := self._nova.others(host):
            message = (
                f"host {host} has {len(others)} servers of others ({', '.join(others[:3])}), "
                "who would be hit and told: choose another one, or add --with-others"
            )
            raise DemoError(message)

    def _known(self, servers: set[str]) -> str:
        """Return what Faultwire calls the host, once it knows all servers on it as active."""
        names = (self._host, f"{self._with.name}/{self._host}")
        found: list[str] = []

        def known() -> bool:
            for name in names:
                there = self._shown(name).get("servers", ())
                # One that it still has as being built would be told of as active later.
                if servers <= {one["id"] for one in there if one["vm_state"] == "active"}:
                    found.append(name)
                    return True
            return False

        if not wait_for(known, MAP_SECONDS, 0.5):
            message = (
                f"Faultwire's map has no host {self._host} with these servers, active, after "
                f"{MAP_SECONDS:.0f} s: is {self._with.name} in its [openstack] clouds?"
            )
            raise DemoError(message)
        return found[0]

    def _shown(self, name: str) -> dict[str, Any]:
        try:
            path = f"/v1/hosts/{quote(name, safe='')}"
            return dict(self._ours.request("GET", "fault", path)["host"])
        except ClientError as error:
            if error.status == 404:
                return {}
            raise

    def _chosen_way(self, service: str) -> Way:
        choice = self._choice
        if choice.by == "service":
            return Forced(self._nova, service)
        if choice.by == "command":
            return Commanded(self._nova, self._ours, self._host, self._here, choice.commands)
        return Reported(self._ours, self._here)

    # ---------------------------------------------------------------- the job

    def once(self, kind: str) -> Outcome:
        """Take the host down, wait for what owners are told, bring it back."""
        way = self._way
        assert way is not None  # noqa: S101  `make` is over
        self._refuse_others(self._host)
        self._owners.forget()
        outcome = Outcome(kind, dict(self._owners.alarms))
        self._down = True
        began = time.time_ns(), time.monotonic_ns()
        outcome.occurred = way.down()
        wait_for(lambda: self._owners.all_told("alarm"), self._choice.seconds)
        # A webhook too many would come now: nothing else makes it show itself.
        time.sleep(QUIET_SECONDS)
        outcome.alarms = self._owners.received("alarm")
        outcome.host_down = self._shown(self._here)
        if way.opens:
            self._of_fault(outcome)
        else:
            outcome.timeline = _request_to_receipt(*began, outcome)
        self._agrees(outcome, down=True, raised=way.opens)
        way.up()
        self._down = False
        wait_for(lambda: self._owners.all_told("ok"), self._choice.seconds)
        time.sleep(QUIET_SECONDS)
        outcome.clears = self._owners.received("ok")
        outcome.host_back = self._shown(self._here)
        known = {one.delivery for one in (*outcome.alarms, *outcome.clears)}
        outcome.unexpected = [
            f"{one.alarm_name}: {one.current}"
            for one in self._owners.seen
            if one.delivery not in known
        ]
        self._agrees(outcome, down=False, raised=way.opens)
        return outcome

    def _of_fault(self, outcome: Outcome) -> None:
        """Take what Faultwire recorded: the timeline, and what a guard refused."""
        params = {"host": self._here, "state": "open"}
        found = self._ours.request("GET", "fault", "/v1/faults", params=params)["faults"]
        fault = next((one for one in found if one["type"] == FAULT), None)
        if fault is None:
            message = f"no fault of {self._here} was opened within {self._choice.seconds:.0f} s"
            raise NotNoticedError(message)
        outcome.fault_id = fault["id"]
        if outcome.occurred is not None:
            wall, mono = outcome.occurred
            mark = {"point": "T00", "at_ns": wall, "mono_ns": mono}
            self._ours.request("POST", "fault", f"/v1/faults/{fault['id']}/marks", body=mark)
        path = f"/v1/faults/{fault['id']}"
        outcome.timeline = self._ours.request("GET", "fault", f"{path}/timeline")["timeline"]
        detected = outcome.timeline["checkpoints"]["T01"]
        outcome.detected_ns = detected["first_wall_ns"] if detected else None
        record = self._ours.request("GET", "fault", path)["fault"]
        outcome.wrong += [
            f"{one['name']} was vetoed: {one['why']}"
            for one in record["decisions"]
            if one["outcome"] == "vetoed"
        ]

    def _agrees(self, outcome: Outcome, *, down: bool, raised: bool) -> None:
        """Wait until Nova says what Faultwire says, and take note where it does not."""
        state = ("active", "error")[down and raised]

        def agrees() -> bool:
            if bool(self._nova.service(self._host)["forced_down"]) is not down:
                return False
            return {one["OS-EXT-STS:vm_state"] for one in self._nova.mine()} == {state}

        words = f"forced down and {state}" if down else f"taken back and {state}"
        late = self._nova.wait(agrees, f"Nova does not have all {words}")
        outcome.wrong += [late] if late else []

    # ---------------------------------------------------------------- the end

    def undo(self) -> list[str]:
        """Bring the host back and delete all that was made; return what could not be done."""
        if not self._made:
            return []
        trouble: list[str] = []
        steps = (self._bring_back, self._remove_alarms, self._remove_servers)
        with _undisturbed(self._with.say):
            for step in steps:
                try:
                    trouble += step()
                except (DemoError, ClientError, OSError) as error:
                    trouble.append(str(error))
        if not trouble:
            return []
        again = f"faultwire verify --os-cloud {self._with.name} --clean"
        return [*trouble, f"not all was cleaned up: try {again}"]

    def _bring_back(self) -> list[str]:
        """Bring the host back: what is deleted while it is dead is left running there."""
        if self._down and self._way is not None:
            with suppress(DemoError, ClientError):
                self._way.up()
            if self._nova.wait(self._is_up, "", STATE_SECONDS / 2):
                self._nova.force_down(self._nova.service(self._host)["id"], down=False)
        late = self._nova.wait(self._is_up, f"host {self._host} is not up again")
        return [late] if late else []

    def _is_up(self) -> bool:
        return not _unfit(self._nova.service(self._host))

    def _remove_alarms(self) -> list[str]:
        left = self._owners.remove()
        return [f"{len(left)} alarms are left: {', '.join(left)}"] if left else []

    def _remove_servers(self) -> list[str]:
        left = self._nova.remove()
        return [f"{len(left)} servers are left: {', '.join(left)}"] if left else []


def clean(cloud: Api, ours: Api) -> tuple[int, int]:
    """Delete servers and alarms of verifications that could not clean up; return how many.

    Raises DemoError, ClientError.
    """
    nova = Nova(cloud, MARK)
    servers = nova.mine(of_all=True)
    if left := nova.remove(of_all=True):
        message = f"{len(left)} servers are left: {', '.join(left)}"
        raise DemoError(message)
    found = ours.request("GET", "alarming", "/v2/alarms", params={"all_projects": "true"})
    alarms = [one for one in found if one["name"].startswith(f"{MARK}-")]
    for one in alarms:
        ours.request("DELETE", "alarming", f"/v2/alarms/{one['alarm_id']}")
    return len(servers), len(alarms)


def _unfit(service: dict[str, Any]) -> str:
    """Return why a host cannot be used; empty where it can."""
    if service["forced_down"]:
        return "is forced down"
    if service["status"] != "enabled":
        return "is disabled"
    return "" if service["state"] == "up" else "is down"


def _request_to_receipt(wall_ns: int, mono_ns: int, outcome: Outcome) -> dict[str, Any]:
    """Return a timeline where no fault was opened: the request is the detection."""
    began = Instant(wall_ns, mono_ns)
    marks = [Mark("T01", began, began, 1)]
    if outcome.alarms:
        # The consumer is of this machine.
        at = [one.at_ns - wall_ns for one in outcome.alarms]
        first, last = (Instant(wall_ns + ns, mono_ns + ns) for ns in (min(at), max(at)))
        marks.append(Mark("T09", first, last, len(at)))
    outcome.detected_ns = wall_ns
    return to_json(profile(marks))


# ---------------------------------------------------------------- signals

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def _asked_to_end() -> Iterator[None]:
    """Have whoever ends us by a signal wait for what has to be cleaned up."""
    with _signals({signal.SIGTERM: _interrupt, signal.SIGHUP: _interrupt}):
        yield


@contextmanager
def _undisturbed(say: Callable[[str], None]) -> Iterator[None]:
    """Let the first Ctrl-C in a clean-up be a word, and the second one its end."""
    asked: list[int] = []

    def once(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            _interrupt(number, frame)
        say("cleaning up; once more, and it is left as it is")

    with _signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), once)):
        yield


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _signals(
    wanted: dict[signal.Signals, _Handler],
) -> Iterator[None]:
    before: dict[signal.Signals, _Handler | int | None] = {}
    try:
        for number, handler in wanted.items():
            before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def say(text: str) -> None:
    """Print a line of what is done, beside what is piped."""
    click.echo(text, err=True)
