"""`faultwire demo`: a host dies, everyone who depends on it is told, and it comes back."""

import contextlib
import functools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from faultwire.cli import demo_report
from faultwire.cli.demo_cloud import Cloud, Received, host_name, in_order
from faultwire.cli.demo_network import Network
from faultwire.cli.demo_outcome import Outcome
from faultwire.cli.demo_world import (
    DemoError,
    NotNoticedError,
    Peer,
    Process,
    World,
    wait_for,
    wait_until,
)
from faultwire.client import ClientError, Session

KINDS = ("kill", "freeze", "report")
KINDS_HELP = "kill: SIGKILL to the agent; freeze: SIGSTOP; report: a posted event."
CUT = "cut"
CUT_HELP = f"{KINDS_HELP} cut: the host's link goes down, and probes of it are lost (root)."
VICTIM = 1
TOLD_SECONDS = 20.0
QUIET_SECONDS = 0.5


class Demo:
    """One run, step by step; each step prints what it did."""

    def __init__(
        self,
        world: World,
        console: Console,
        hosts: int,
        servers: int,
        options: str = "",
        network: Network | None = None,
    ) -> None:
        """Take the processes' keeper, the console and the size of the cloud.

        `options` is the server's configuration file; without one it has the defaults. With a
        network hosts are probed and have no agents.
        """
        self._options = options
        if network is not None:
            self._options += f"[liveness]\nengine = icmp\ncanaries = {network.gateway}\n"
        self._world = world
        self._network = network
        self._console = console
        self._cloud = Cloud(Session(None), hosts, servers)
        self._consumer = Peer("")
        self._since = 0
        self._seen: list[Received] = []
        self._agents: dict[int, Process] = {}

    def run(self, kind: str) -> Outcome:
        """Build the cloud, break it, watch, and repair it."""
        self.build()
        return self.once(kind)

    def once(self, kind: str) -> Outcome:
        """Break the cloud that was built, watch, and repair it; may be done again and again."""
        self._since = max((one["number"] for one in self._records()), default=self._since)
        expected = {s: self._cloud.alarms[s] for s in self._cloud.servers_of(VICTIM)}
        outcome = Outcome(kind, expected)
        self._break(outcome)
        self._watch(outcome)
        self._repair(outcome)
        return outcome

    def build(self) -> None:
        """Start server, consumer and agents, and fill the cloud."""
        folder = self._world.folder
        arguments = ["--state-dir", str(folder / "state"), "--listen", "127.0.0.1:0"]
        if self._options:
            (folder / "faultwire.conf").write_text(self._options)
            arguments += ["--config", str(folder / "faultwire.conf")]
        server = self._world.start("server", "serve", *arguments)
        url = server.expect("listening on ")
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "state" / "clouds.yaml")
        os.environ["OS_CLOUD"] = "faultwire"
        cloud = self._cloud
        self._say(f"a server listens on {url}, its state is in {folder / 'state'}")
        cloud.fill(self._network.address if self._network else None)
        secrets = folder / "secrets"
        secrets.touch(mode=0o600)
        consumer = self._world.start(
            "consumer", "consumer", "--listen", "127.0.0.1:0", "--secret-file", str(secrets)
        )
        self._consumer = Peer(consumer.expect("listening on "))
        cloud.watch(self._consumer.url)
        secrets.write_text("".join(f"{secret}\n" for secret in cloud.secrets()))
        self._say(
            f"{cloud.hosts} hosts, {len(cloud.alarms)} servers of several projects, an event "
            f"alarm for each; one consumer process on {self._consumer.url}"
        )
        if self._network is None:
            self._start_agents()
        else:
            for host in range(1, cloud.hosts + 1):
                self._wait_for_answer(host)
            self._say(f"{cloud.hosts} hosts answer probes, each in a network namespace")

    def _start_agents(self) -> None:
        hosts = range(1, self._cloud.hosts + 1)
        for host in hosts:
            self._enrol(host)
            self._start_agent(host)
        for host in hosts:
            self._wait_for_agent(host)
        self._say(f"{len(hosts)} host agents are connected, each a process of its own")

    def _enrol(self, host: int) -> None:
        answer = self._cloud.session.request(
            "POST", "fault", f"/v1/agents/{host_name(host)}/enrol"
        )
        path = self._world.folder / f"{host_name(host)}.credential"
        path.touch(mode=0o600)
        path.write_text(json.dumps(answer["credential"]))
        servers = self._world.folder / f"{host_name(host)}.servers"
        servers.write_text(json.dumps(self._cloud.servers_of(host)))

    def _start_agent(self, host: int) -> None:
        folder, name = self._world.folder, host_name(host)
        self._agents[host] = self._world.start(
            f"agent-{name}",
            "agent",
            "--host",
            name,
            "--credential",
            str(folder / f"{name}.credential"),
            "--servers",
            str(folder / f"{name}.servers"),
        )

    def _wait_for_agent(self, host: int) -> None:
        what = f"the connection of the agent of {host_name(host)}"
        wait_until(lambda: self._cloud.host(host)["agent"] == "connected", 30, what)

    def _wait_for_answer(self, host: int) -> None:
        what = f"an answer of {host_name(host)} to probes"
        wait_until(functools.partial(self._cloud.probed, host), 30, what)

    def _break(self, outcome: Outcome) -> None:
        victim = host_name(VICTIM)
        if outcome.fault_kind == "report":
            self._cloud.report("compute.host.down", VICTIM)
            self._say(f"a monitor reported that {victim} is down")
            return
        if self._network is not None:
            outcome.occurred = self._network.cut(VICTIM)
            self._say(f"the link of {victim} went down: what is sent to it is lost")
            return
        number = signal.SIGKILL if outcome.fault_kind == "kill" else signal.SIGSTOP
        outcome.occurred = self._agents[VICTIM].signal(number)
        self._say(f"the agent of {victim} got {number.name}: no goodbye, no clean end")

    def _watch(self, outcome: Outcome) -> None:
        expected = set(outcome.expected.values())
        wait_for(lambda: expected <= {r.alarm_id for r in self._received("alarm")}, TOLD_SECONDS)
        # A webhook too many would come now: nothing else makes it show itself.
        time.sleep(QUIET_SECONDS)
        outcome.alarms = [r for r in self._received("alarm") if r.alarm_id in expected]
        outcome.host_down = self._cloud.host(VICTIM)
        fault = self._cloud.fault_of(VICTIM)
        if fault is None:
            message = f"no fault of {host_name(VICTIM)} was opened"
            raise NotNoticedError(message)
        outcome.fault_id = fault["id"]
        if outcome.occurred is not None:
            mark = {"point": "T00", "at_ns": outcome.occurred[0]}
            mark["mono_ns"] = outcome.occurred[1]
            self._cloud.session.request(
                "POST", "fault", f"/v1/faults/{fault['id']}/marks", body=mark
            )
        path = f"/v1/faults/{fault['id']}/timeline"
        outcome.timeline = self._cloud.session.get("fault", path)["timeline"]
        detected = outcome.timeline["checkpoints"]["T01"]
        outcome.detected_ns = detected["first_wall_ns"] if detected else None

    def _repair(self, outcome: Outcome) -> None:
        if outcome.fault_kind == "kill":
            self._start_agent(VICTIM)
        elif outcome.fault_kind == "freeze":
            self._agents[VICTIM].signal(signal.SIGCONT)
        if self._network is not None:
            self._network.heal(VICTIM)
            self._wait_for_answer(VICTIM)
        else:
            self._wait_for_agent(VICTIM)
        self._cloud.report("compute.host.up", VICTIM)
        expected = set(outcome.expected.values())
        wait_for(lambda: expected <= {r.alarm_id for r in self._received("ok")}, TOLD_SECONDS)
        time.sleep(QUIET_SECONDS)
        outcome.clears = [r for r in self._received("ok") if r.alarm_id in expected]
        outcome.host_back = self._cloud.host(VICTIM)
        known = {r.delivery for r in (*outcome.alarms, *outcome.clears)}
        outcome.unexpected = [
            f"{r.alarm_name}: {r.current}" for r in self._seen if r.delivery not in known
        ]

    def _received(self, current: str) -> list[Received]:
        self._seen = [Received.of(record) for record in self._records()]
        return in_order(self._seen, current)

    def _records(self) -> list[dict[str, Any]]:
        """Return what the consumer received since the job began."""
        found: list[dict[str, Any]] = self._consumer.json(f"/received?since={self._since}")[
            "received"
        ]
        return found

    def _say(self, text: str) -> None:
        self._console.print(f"[dim]·[/dim] {text}", highlight=False)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Keep a folder for as long as its processes live."""
    with tempfile.TemporaryDirectory(prefix="faultwire-demo-") as name:
        yield Path(name)


@click.command()
@click.option("--hosts", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option(
    "--servers", type=click.IntRange(1, 2000), default=10, show_default=True, help="Per host."
)
@click.option(
    "--fault",
    "kind",
    type=click.Choice((*KINDS, CUT)),
    default="kill",
    show_default=True,
    help=CUT_HELP,
)
@click.option("--json", "target", metavar="FILE|-", help="Write the result as JSON.")
def demo(hosts: int, servers: int, kind: str, target: str | None) -> None:
    """Kill a host and watch everyone who depends on it be told, then bring it back.

    Exit status 0 only if every expected alarm arrived and cleared, no other one did, and the
    last came within 1 s of detection.
    """
    console = Console(stderr=target == "-")
    try:
        with contextlib.ExitStack() as more, scratch() as folder, World(folder) as world:
            network = more.enter_context(Network(hosts)) if kind == CUT else None
            outcome = Demo(world, console, hosts, servers, network=network).run(kind)
            demo_report.show(console, outcome)
    except (DemoError, ClientError) as error:
        raise click.ClickException(str(error)) from None
    text = json.dumps(outcome.document(), indent=2)
    if target == "-":
        click.echo(text)
    elif target:
        Path(target).write_text(text + "\n")
    sys.exit(0 if outcome.passed() else 1)
