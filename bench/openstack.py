"""A real cloud: how fast owners hear, what we add to Nova's own time, and Aodh's way beside ours.

`python -m bench.openstack`. It starts the small cloud of the tests (`make minicloud` installs it)
with hosts of 1, 10 and 50 servers, which are clones of one, and measures, everything in one run:

- a posted event to the last of 50 webhooks, with `notify` immediately and after_host_down, beside
  the time of the one PUT by a bare pooled client;
- the same until all states are reset (after_states), beside the same requests bare;
- the first look at a cloud of 1,000 servers, beside the requests that it needs;
- Nova and Aodh by themselves: a host is forced down and its servers are reset by hand, each
  owner has an alarm in Aodh, beside ours.
"""

import statistics
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from bench.chain import _Child
from bench.openstack_stand import HOSTS, SPARE, Ours, Stand, alarm, stand, times
from faultwire.controllers.openstack.snapshot import _FIELDS, PAGE
from tests.openstack import clones
from tests.openstack.minicloud import ENVIRONMENT

DOCTOR_MS = 584.0
"""What Doctor published for 50 servers: shortcut, parallel."""

TOLD_MS = DOCTOR_MS / 10
RESETS, LOOK = 1.1, 1.2
SAMPLES = 5
LOOKS = 3
SERVERS = 1000
MOST = max(HOSTS)
Results = list[dict[str, Any]]


def run(*, smoke: bool) -> Results:
    """Return the figures; of a smoke, and where no cloud is installed, that there are none."""
    if smoke or not (ENVIRONMENT / ".made").exists():
        why = "not in a smoke" if smoke else "the services are missing, see: make minicloud"
        return [_result(f"no cloud was started: {why}", {}, {})]
    receiver = _Child("bench.receiver")
    try:
        with stand() as on:
            return [*_told(on, receiver), *_beside(on, receiver), _look(on)]
    finally:
        receiver.stop()


def _result(case: str, figures: dict[str, float], limits: dict[str, float]) -> dict[str, Any]:
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


# ---------------------------------------------------------------- owners, and Nova's time


def _told(on: Stand, receiver: _Child) -> Results:
    ways = ("immediately", "after_host_down", "after_states")
    servers = {way: Ours(on, way, way).watch(receiver.url) for way in ways}
    service, ids = on.services[HOSTS[MOST]], on.servers[MOST]
    last: dict[str, list[float]] = {way: [] for way in ways}
    puts: list[float] = []
    bare: list[float] = []
    for sample in range(SAMPLES + 1):
        for way in ways:
            took = max(servers[way].down(MOST, receiver))
            last[way] += [took] if sample else []
        put = on.bare.put(service, down=True)
        resets = on.bare.reset(ids, "error")
        again = on.bare.put(service, down=False)
        on.bare.reset(ids, "active")
        on.wait(MOST, down=False)
        puts += [put, again] if sample else []
        bare += [put + resets] if sample else []
    for one in servers.values():
        one.stop()
    told = {way: statistics.median(each) for way, each in last.items()}
    put, floor = statistics.median(puts), statistics.median(bare)
    rows = (
        ("immediately, ms", told["immediately"], TOLD_MS),
        ("immediately, slowest, ms", max(last["immediately"]), None),
        ("the bare PUT, ms", put, None),
        ("after_host_down, ms", told["after_host_down"], put + TOLD_MS),
        ("after_host_down less PUT less immediately, ms",
         told["after_host_down"] - put - told["immediately"], None),
    )  # fmt: skip
    states = (
        ("bare PUT and 50 os-resetState, ms", floor, None),
        ("after_states, ms", told["after_states"], None),
        ("after_states, ratio to bare", told["after_states"] / floor, RESETS),
    )
    return [
        _rows(f"{MOST} servers, event to last webhook, {SAMPLES} samples", rows),
        _rows(f"{MOST} servers, event until Nova has all states", states),
    ]


def _rows(case: str, rows: Sequence[tuple[str, float, float | None]]) -> dict[str, Any]:
    figures = {name: value for name, value, _ in rows}
    limits = {name: limit for name, _, limit in rows if limit is not None}
    return _result(case, figures, limits)


# ---------------------------------------------------------------- a look


def _look(on: Stand) -> dict[str, Any]:
    clones.make(on.cloud, on.original, SPARE, SERVERS - 1 - sum(HOSTS))
    on.bare.look(_FIELDS, PAGE)
    bare, ours = [], []
    for sample in range(LOOKS):
        bare.append(on.bare.look(_FIELDS, PAGE))
        server = Ours(on, f"look-{sample}")
        ours.append(server.looked())
        server.stop()
    found, floor = statistics.median(ours), statistics.median(bare)
    rows = (
        ("the bare requests, s", floor, None),
        ("the first look, map filled, s", found, None),
        ("ratio", found / floor, LOOK),
    )
    return _rows(f"a cloud of {SERVERS} servers is read, {LOOKS} samples", rows)


# ---------------------------------------------------------------- Aodh


def _beside(on: Stand, receiver: _Child) -> Results:
    by_hand = _by_hand(on, receiver)
    ours = Ours(on, "beside").watch(receiver.url)
    found: Results = []
    for count in HOSTS:
        samples = [ours.down(count, receiver) for _ in range(SAMPLES + 1)][1:]
        told = {"first": [min(one) for one in samples], "last": [max(one) for one in samples]}
        figures = dict(by_hand[count])
        for name, each in told.items():
            figures[f"Faultwire, {name} owner told, ms"] = statistics.median(each)
        found.append(_result(f"{count} servers, Nova and Aodh beside Faultwire", figures, {}))
    ours.stop()
    return found


def _by_hand(on: Stand, receiver: _Child) -> dict[int, dict[str, float]]:
    """Return what Nova and Aodh need by themselves, in ms from the first request on."""
    aodh = on.cloud.urls["alarming"]
    for server in (one for each in on.servers.values() for one in each):
        on.admin.ask("POST", f"{aodh}/v2/alarms", alarm(on.project, server, receiver.url))
    events = subprocess.Popen(
        [ENVIRONMENT / "bin" / "python", "bench/openstack_events.py", on.cloud.transport],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert (events.stdout or [""]).readline() == "listening\n"  # type: ignore[union-attr]
        return {count: _forced(on, receiver, count) for count in HOSTS}
    finally:
        events.kill()
        events.wait()


def _forced(on: Stand, receiver: _Child, count: int) -> dict[str, float]:
    service, ids = on.services[HOSTS[count]], on.servers[count]
    found: dict[str, list[float]] = {}
    for sample in range(SAMPLES + 1):
        began = time.monotonic_ns()
        put = on.bare.put(service, down=True)
        states = put + on.bare.reset(ids, "error")
        arrived = [(at - began) / 1e6 for at in times(receiver, count)]
        on.bare.put(service, down=False)
        on.bare.reset(ids, "active")
        on.wait(count, down=False)
        one = {"forced down": put, "all states reset": states}
        one |= {"first owner told": min(arrived), "last owner told": max(arrived)}
        for name, ms in one.items():
            found.setdefault(name, []).extend([ms] if sample else [])
    return {f"Nova and Aodh, {name}, ms": statistics.median(each) for name, each in found.items()}


if __name__ == "__main__":
    from rich.console import Console

    from bench.million import show

    show(run(smoke=False), Console())
