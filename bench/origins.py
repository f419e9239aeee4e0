"""A thousand owners, each with an origin of its own: event to last webhook.

`python -m bench.origins [--smoke] [--senders 2]`. The floor is bare aiohttp
that posts the same body to the same origins, with as many processes, in the same run. Each round
has a host and a thousand origins of its own, so that nothing of it is warm: first comes `cold`,
then `warm` over the same connections, then `again` after the consumers closed them all, where TLS
sessions may be taken up. The two sides take turns at being first.

With sender processes there are two runs. In one the whole way is measured, from the posted event;
in the other the senders are stopped until all is decided and committed, which the floor does not
do, and measured from the moment when they go on: what they read from the database is theirs.

One process plays all consumers. Its handshakes cost about what the sender's do, and all of them
share this machine's cores: on a machine of their own the consumers would slow neither side.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chain import ROOT, _Child
from bench.origins_bodies import alarm, event, host
from bench.origins_certificates import signed
from bench.origins_receiver import ADDRESS
from faultwire.client import Session
from faultwire.domain.ids import derived
from tests.databases.servers import KINDS, program

LAW_MS = 1000.0
LIMIT = 1.5
STATES = ("cold", "warm", "again")
HELD_SECONDS = 2.0
"""A sender that is stopped for longer is replaced."""
SETTLE_SECONDS = 0.6
"""What is recorded after the answers must not run into the next sample."""
JSON_FILE = Path("bench-origins.json")


Sample = tuple[float, float, float]
"""First and last webhook after the begin, and the processor time of the side's processes; ms."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bench; round 0 and up to `warm` do not count.

    Where `held`, senders are stopped until everything is committed that they are to send.
    """

    scheme: str
    origins: int = 1000
    rounds: int = 5
    warm: int = 1
    senders: int = 0
    held: bool = False


class Ours:
    """The real server, with sender processes of its own on PostgreSQL where there are any."""

    def __init__(self, case: Case, folder: Path, authority: str) -> None:
        self._stack = contextlib.ExitStack()
        self.pids: list[int] = []
        self._holds = case.origins if case.held else 0
        folder.mkdir()
        config = folder / "faultwire.conf"
        lines = ["[notifier]", "loopback = allow", f"ca_file = {authority}"]
        if case.senders:
            lines += ["[database]", f"connection = {self._database(folder)}"]
        config.write_text("\n".join(lines) + "\n")
        serve = ("serve", "--state-dir", str(folder / "state"), "--listen", "127.0.0.1:0")
        self._server = self._child("faultwire.cli", *serve, "--config", str(config))
        for _ in range(case.senders):
            self._child("faultwire.cli", "sender", "--config", str(config), ready="working as ")
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "state" / "clouds.yaml")
        self._session = Session("faultwire")
        self._token = self._session.token()

    def _child(self, *arguments: str, ready: str = "listening on ") -> _Child:
        child = _Child(*arguments, ready=ready)
        self.pids.append(child.pid)
        self._stack.callback(child.stop)
        return child

    def _database(self, folder: Path) -> str:
        place = Path(tempfile.mkdtemp(prefix="faultwire-", dir="/tmp"))
        place.chmod(0o711)
        database = KINDS["postgresql"](place / folder.name)
        database.start()
        self._stack.callback(place.rmdir)
        self._stack.callback(database.close)
        return database.create("bench")

    def fill(self, rounds: list[list[str]]) -> None:
        """Make a host for each round, with a server and an alarm for each URL."""
        projects = [derived("project", number) for number in range(len(rounds[0]))]
        servers = [
            {"id": derived(name, project), "name": "vm", "project": project, "host": name}
            for name in map(host, range(len(rounds)))
            for project in projects
        ]
        inventory = {
            "projects": [{"id": one, "name": one} for one in projects],
            "hosts": [{"name": host(number)} for number in range(len(rounds))],
            "servers": servers,
        }
        self._session.request("PUT", "fault", "/v1/inventory", body=inventory)
        urls = [url for round_ in rounds for url in round_]
        for server, url in zip(servers, urls, strict=True):
            self._post("/alarming/v2/alarms", alarm(server, url))

    def send(self, number: int) -> int:
        """Bring the host of a round down; return when, by the monotonic clock in ns."""
        if self._holds:
            return self._send_held(number)
        began = time.monotonic_ns()
        self._post("/fault/v1/events", [event(number, "down")])
        return began

    def _send_held(self, number: int) -> int:
        """Have everything committed before the senders go on; return when they do."""
        senders = self.pids[1:]
        for pid in senders:
            os.kill(pid, signal.SIGSTOP)
        try:
            self._post("/fault/v1/events", [event(number, "down")])
            until = time.monotonic() + HELD_SECONDS
            while self._pending() < self._holds:
                if time.monotonic() > until:
                    message = f"only {self._pending()} deliveries are owed"
                    raise RuntimeError(message)
                time.sleep(0.02)
            time.sleep(SETTLE_SECONDS)
        finally:
            began = time.monotonic_ns()
            for pid in senders:
                os.kill(pid, signal.SIGCONT)
        return began

    def _pending(self) -> int:
        status: Any = self._session.request("GET", "fault", "/v1/status")
        return int(status["status"]["deliveries"]["pending"])

    def undo(self, number: int) -> None:
        """Bring it up again."""
        self._post("/fault/v1/events", [event(number, "up")])

    def _post(self, path: str, body: object) -> None:
        self._server.call("POST", path, json.dumps(body).encode(), self._token)

    def stop(self) -> None:
        """End all processes."""
        self._stack.close()


class Floor:
    """Bare aiohttp in as many processes as send on our side."""

    def __init__(self, case: Case, authority: str) -> None:
        count = max(1, case.senders)
        self._children = [_Child("bench.origins_floor", authority) for _ in range(count)]
        self.pids = [child.pid for child in self._children]

    def fill(self, rounds: list[list[str]], sample: dict[str, Any]) -> None:
        """Have every process take its part of each round."""
        count = len(self._children)
        for number, child in enumerate(self._children):
            part = [urls[number::count] for urls in rounds]
            child.call("POST", "/prepare", json.dumps({**sample, "rounds": part}).encode())

    def send(self, number: int) -> int:
        """Begin to post a round; return when, by the monotonic clock in ns."""
        began = time.monotonic_ns()
        for child in self._children:
            child.call("POST", f"/post/{number}")
        return began

    def undo(self, number: int) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """End all processes."""
        for child in self._children:
            child.stop()


def run(*, smoke: bool = False, senders: tuple[int, ...] | None = None) -> list[dict[str, Any]]:
    """Return the figures of HTTP and HTTPS, sent by the server (0) or by so many senders.

    By default both, where PostgreSQL is installed; a smoke run has no senders.
    """
    if senders is None:
        senders = (0,) if smoke or program("postgres") is None else (0, 2)
    more = {"origins": 20, "rounds": 2} if smoke else {}
    kinds = (("http", False), ("https", False)), (("https", True), ("https", False))
    cases = [
        Case(scheme, senders=count, held=held, **more)
        for count in senders
        for scheme, held in kinds[count > 0]
    ]
    return [figure for case in cases for figure in _run(case, limited=not smoke)]


def _run(case: Case, *, limited: bool) -> list[dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        authority, *identity = map(str, signed(folder)) if case.scheme == "https" else ("",)
        total = case.origins * (case.rounds + case.warm)
        receiver = _Child("bench.origins_receiver", str(total), *identity)
        stack.callback(receiver.stop)
        ports = json.loads(receiver.call("GET", "/ports"))
        urls = [f"{case.scheme}://{ADDRESS}:{port}/hook" for port in ports]
        rounds = [urls[at : at + case.origins] for at in range(0, total, case.origins)]
        ours = Ours(case, folder / "ours", authority)
        stack.callback(ours.stop)
        floor = Floor(case, authority)
        stack.callback(floor.stop)
        ours.fill(rounds)
        _measured(ours, 0, receiver, case.origins)
        ours.undo(0)
        floor.fill(rounds, json.loads(receiver.call("GET", "/sample")))
        times: dict[str, dict[str, list[Sample]]] = {
            state: {"ours": [], "floor": []} for state in STATES
        }
        counts: dict[str, list[int]] = {"reused": [], "repeated": []}
        for number in range(len(rounds)):
            for state, side, sample in _round(number, ours, floor, receiver, case.origins):
                if number >= case.warm:
                    times[state][side].append(sample)
            for name, found in counts.items():
                found.append(json.loads(receiver.call("GET", f"/{name}")))
        return [_figures(case, state, times[state], counts, limited=limited) for state in STATES]


def _round(
    number: int, ours: Ours, floor: Floor, receiver: _Child, count: int
) -> Iterator[tuple[str, str, Sample]]:
    """Give (state, side, (first, last)) of one round, ms after the event was posted."""
    sides = [("ours", ours), ("floor", floor)]
    for state in STATES:
        for name, side in sides if number % 2 else sides[::-1]:
            if state == "again":
                receiver.call("GET", "/close")
                time.sleep(SETTLE_SECONDS)
            yield state, name, _measured(side, number, receiver, count)
            side.undo(number)
            time.sleep(SETTLE_SECONDS)


def _measured(side: Ours | Floor, number: int, receiver: _Child, count: int) -> Sample:
    cpu = _cpu_ms(side.pids)
    began = side.send(number)
    arrived = json.loads(receiver.call("GET", f"/times?count={count}"))
    if len(arrived) != count:
        message = f"{type(side).__name__}: {len(arrived)} of {count} webhooks arrived"
        raise RuntimeError(message)
    first, last = ((pick(arrived) - began) / 1e6 for pick in (min, max))
    return first, last, _cpu_ms(side.pids) - cpu


def _cpu_ms(pids: list[int]) -> float:
    """Return what processes have used so far; the system counts in steps of 10 ms."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def _figures(
    case: Case,
    state: str,
    times: dict[str, list[Sample]],
    counts: dict[str, list[int]],
    *,
    limited: bool,
) -> dict[str, Any]:
    def median(side: str, place: int) -> float:
        return statistics.median(sample[place] for sample in times[side])

    shown = {
        side: {"first": median(side, 0), "last": median(side, 1), "cpu": median(side, 2)}
        for side in ("ours", "floor")
    }
    # Paired: both sides of a round saw the same machine.
    pairs = list(zip(times["ours"], times["floor"], strict=True))
    last = [ours[1] / floor[1] for ours, floor in pairs]
    # Where connections are open evaluating and the commits in a shared database cost more than all
    # that bare aiohttp does: the limit is on what the senders do then.
    free = bool(case.senders) and not case.held and state == "warm"
    limits = {"last": LIMIT} if limited and not free else {}
    ratio = {"last": statistics.median(last)}
    law = shown["ours"]["last"] <= LAW_MS
    must = limited and case.scheme == "https" and state == "cold" and case.senders >= 2
    return {
        "case": f"{case.origins:,} {case.scheme.upper()} {state}{_by(case)}",
        "senders": case.senders,
        "samples": len(times["ours"]),
        "ms": shown,
        "ratio": ratio,
        "limits": limits,
        "law": law,
        "of_each_round": counts,
        "met": all(ratio[name] <= limit for name, limit in limits.items()) and (law or not must),
    }


def _by(case: Case) -> str:
    if not case.senders:
        return ""
    return f", {case.senders} senders{' alone' if case.held else ''}"


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.origins")
    parser.add_argument("--smoke", action="store_true", help="few origins, no limits")
    parser.add_argument("--senders", type=int, nargs="*", help="0, 2 or both")
    parser.add_argument("--json", type=Path, default=JSON_FILE)
    options = parser.parse_args()
    results = run(smoke=options.smoke, senders=options.senders and tuple(options.senders))
    table = Table(title="Many origins against bare aiohttp, same run", title_justify="left")
    for heading in (
        "case",
        "senders",
        "first",
        "last",
        "floor last",
        "last, ratio",
        "must",
        "CPU",
        "floor CPU",
        "1 s",
    ):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for one in results:
        ours, floor = one["ms"]["ours"], one["ms"]["floor"]
        table.add_row(
            one["case"],
            str(one["senders"] or "inside"),
            f"{ours['first']:.0f}",
            f"{ours['last']:.0f}",
            f"{floor['last']:.0f}",
            f"{one['ratio']['last']:.2f}",
            ", ".join(f"{name} <= {limit}" for name, limit in one["limits"].items()),
            f"{ours['cpu']:.0f}",
            f"{floor['cpu']:.0f}",
            "kept" if one["law"] else "missed",
        )
    console = Console(width=110)
    console.print(table)
    console.print(
        f"Milliseconds. {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}. One process plays"
        " all consumers, and its handshakes cost what the sender's do. `alone`: from when all is"
        " decided and committed, which the floor does not do."
    )
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"written to {options.json}")
    return 0 if all(one["met"] for one in results) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
