"""Guest agents as processes: pings to the letter, death, silence, a cut line, and tasks."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.agents import client_env
from tests.system.children import environment, run
from tests.system.conftest import Serve
from tests.system.guests import QUICK, Guests, Line
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

SEED = "1e4099f1-7f8d-4564-bd83-0b9f66aa35b9"
SEED_BODY = (
    '{"badRequest": {"message": "An error occurred communicating with the guest: Timeout while '
    'waiting on RPC response - topic: \\"guestagent.1e4099f1-7f8d-4564-bd83-0b9f66aa35b9\\", RPC '
    'method: \\"rpc_ping\\" info: \\"<unknown>\\".", "code": 400}}'
)
"""The body of the specification, without the line breaks of its page; 237 bytes, as it says."""

DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")

Begin = Callable[..., Guests]


@pytest.fixture
def server(serve: Serve) -> Server:
    """Give a server that waits for guests as little as a test wants to."""
    return serve({"guests": QUICK})


@pytest.fixture
def begin(server: Server, tmp_path: Path) -> Iterator[Begin]:
    """Give a function that makes guests and enrols them."""
    made: list[Guests] = []

    def make(count: int, enrolled: int | None = None) -> Guests:
        guests = Guests(server, tmp_path, count)
        made.append(guests)
        for guest in guests.ids[: count if enrolled is None else enrolled]:
            guests.enrol(guest)
        return guests

    yield make
    for guests in made:
        guests.close()


def path(server: Server, rest: str) -> str:
    """Return a path of the database face in the administrator's project."""
    project = server.get("/identity/v3/auth/projects")["projects"][0]["id"]
    return f"/database/v1.0/{project}/mgmt/instances{rest}"


def seen(server: Server, where: str) -> tuple[str, str, str]:
    """Return what curl has byte for byte: the head but for its date, the date, the body."""
    done = subprocess.run(
        ["curl", "-si", "-H", f"X-Auth-Token: {server.token()}", f"{server.url}{where}"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    rest, _, date = head.rpartition("\r\nDate: ")
    return f"{rest}\r\n", date, body


def curl(server: Server, where: str) -> tuple[str, dict[str, str], str]:
    """Return status line, headers by lower-case name, and body, as curl has them."""
    done = subprocess.run(
        ["curl", "-si", "-H", f"X-Auth-Token: {server.token()}", f"{server.url}{where}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    head, _, body = done.stdout.partition("\r\n\r\n" if "\r\n\r\n" in done.stdout else "\n\n")
    status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return status, {name.lower(): value for name, value in headers.items()}, body


def alarm(server: Server, hooks: Hooks, guest: str) -> None:
    """Give a guest's owner an alarm on its state, with a webhook for both ends."""
    said = {"op": "eq", "type": "string"}
    mine = {**said, "field": "traits.guest_id", "value": guest}
    body = {
        "name": f"alarm {guest}",
        "type": "event",
        "project_id": "green",
        "event_rule": {
            "event_type": "database.guest.update",
            "query": [mine, {**said, "field": "traits.state", "value": "down"}],
            "clear": {"query": [mine, {**said, "field": "traits.state", "value": "up"}]},
        },
        "alarm_actions": [hooks.url("/guest")],
        "ok_actions": [hooks.url("/guest")],
    }
    answer = server.call("POST", "/alarming/v2/alarms", body)
    assert answer.status == 201, answer.text


def told(hooks: Hooks) -> list[str]:
    """Return the states that the owner's alarm has told, in order."""
    return [one.current for one in hooks.told]


def test_rpc_ping_is_the_seeds_to_the_letter(server: Server, begin: Begin) -> None:
    """Curl shows status, headers and body of the seed; only the dates differ (S198-S203, D10)."""
    guests = begin(1)
    document = {"guests": [{"id": SEED, "name": "seed", "project": "green", "server": "vm-1"}]}
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    where = path(server, f"/{SEED}/rpc_ping")
    head, date, body = seen(server, where)
    assert head == (
        "HTTP/1.1 400 Bad Request\r\n"
        "Content-Length: 237\r\n"
        "Content-Type: application/json; charset=UTF-8\r\n"
    )
    assert DATE.fullmatch(date)
    assert body == SEED_BODY
    guests.enrol(SEED)
    guests.start(SEED)
    guests.until(SEED, state="up", agent="connected")
    head, date, body = seen(server, where)
    assert head == (
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nContent-Type: application/json\r\n"
    )
    assert DATE.fullmatch(date)
    assert body == ""


def test_a_killed_guest_reaches_its_owner_and_so_does_its_return(
    server: Server, begin: Begin, hooks: Hooks
) -> None:
    """SIGKILL: the guest is down, its owner is told; back again, the fault is closed (D15)."""
    guests = begin(1)
    (guest,) = guests.ids
    alarm(server, hooks, guest)
    first = guests.start(guest)
    guests.until(guest, state="up", agent="connected")
    first.kill()
    guests.until(guest, state="down", agent="lost")
    hooks.wait_count(1)
    (fault,) = server.get("/fault/v1/faults?state=open")["faults"]
    whole = server.get(f"/fault/v1/faults/{fault['id']}")["fault"]
    assert whole["type"] == "database.guest.down"
    assert whole["evidence"][0]["details"]["verdict"] == "closed"
    assert curl(server, path(server, f"/{guest}/rpc_ping"))[0] == "HTTP/1.1 400 Bad Request"
    guests.start(guest)
    guests.until(guest, state="up", agent="connected")
    hooks.wait_count(2)
    assert told(hooks) == ["alarm", "ok"]
    assert not server.get("/fault/v1/faults?state=open")["faults"]


def test_a_frozen_guest_times_out_and_is_down(server: Server, begin: Begin) -> None:
    """SIGSTOP: a ping waits its deadline and no longer; silence is a verdict; SIGCONT ends it."""
    guests = begin(1)
    (guest,) = guests.ids
    child = guests.start(guest)
    guests.until(guest, state="up", agent="connected")
    child.signal(signal.SIGSTOP)
    try:
        bulk = server.call("POST", path(server, "/rpc_ping"), {"deadline_ms": 300})
        (row,) = bulk.json["rpc_ping"]["instances"]
        assert row["verdict"] == "timeout"
        assert 300 <= row["waited_ms"] < 900
        guests.until(guest, state="down", agent="lost")
        (fault,) = server.get("/fault/v1/faults?state=open")["faults"]
        details = server.get(f"/fault/v1/faults/{fault['id']}")["fault"]["evidence"][0]["details"]
        assert details["verdict"] == "silent"
        assert details["age_ms"] >= QUICK["silence_ms"]
    finally:
        child.signal(signal.SIGCONT)
    guests.until(guest, state="up", agent="connected")


def test_a_guest_that_is_cut_off_is_down_until_the_line_is_mended(
    server: Server, begin: Begin
) -> None:
    """A partition closes nothing: silence alone tells, and the same agent comes back by itself."""
    guests, line = begin(1, enrolled=0), Line(server.url)
    try:
        (guest,) = guests.ids
        guests.enrol(guest, line.url)
        guests.start(guest)
        guests.until(guest, state="up", agent="connected")
        line.cut()
        guests.until(guest, state="down", agent="lost")
        line.mend()
        guests.until(guest, state="up", agent="connected")
    finally:
        line.close()


def test_a_stopped_guest_raises_nothing(server: Server, begin: Begin) -> None:
    """SIGTERM: the agent says goodbye, the guest is up and its agent gone (D24)."""
    guests = begin(1)
    (guest,) = guests.ids
    child = guests.start(guest)
    guests.until(guest, state="up", agent="connected")
    assert child.stop() == 0
    guests.until(guest, state="up", agent="gone")
    assert not server.get("/fault/v1/faults")["faults"]
    assert guests.shown(guest)["agent"]["heard_age_seconds"] >= 0


def test_the_second_of_two_guests_with_one_id_is_refused(server: Server, begin: Begin) -> None:
    """The first stays and answers; the second is told why, counted, and in the audit record."""
    guests = begin(1)
    (guest,) = guests.ids
    guests.start(guest)
    guests.until(guest, state="up", agent="connected")
    second = guests.start(guest)
    wait_for(lambda: "4409" in second.output, "the second is refused")
    assert curl(server, path(server, f"/{guest}/rpc_ping"))[0] == "HTTP/1.1 204 No Content"
    assert guests.shown(guest)["agent"]["second_agents"] >= 1
    assert "guest_second_agent" in server.log.read_text()


def test_two_hundred_guests_of_which_twenty_are_dead_cost_one_deadline(
    server: Server, begin: Begin
) -> None:
    """All verdicts are right, and the dead together cost what one of them costs (D10)."""
    guests = begin(200, enrolled=190)
    frozen, absent = guests.ids[:10], guests.ids[190:]
    fleet = guests.fleet(guests.ids[:190], frozen)
    fleet.line("all connected", 60)
    bulk = server.call("POST", path(server, "/rpc_ping"), {"deadline_ms": 1500})
    found = bulk.json["rpc_ping"]
    verdicts = {row["id"]: row["verdict"] for row in found["instances"]}
    assert {one for one, verdict in verdicts.items() if verdict == "timeout"} == set(frozen)
    assert {one for one, verdict in verdicts.items() if verdict == "no consumer"} == set(absent)
    assert found["counts"]["ok"] == 180
    # Ten that wait one after the other would take 15 s.
    assert found["waited_ms"] < 5000
    done = run("rpc-ping", "--all", "--deadline", "1", env=client_env(server))
    assert done.returncode == 1
    assert "200 guests" in done.stdout
    assert "180 ok" in done.stdout
    named = run("rpc-ping", guests.ids[50], env=client_env(server))
    assert (named.returncode, "ok" in named.stdout) == (0, True)


def test_a_restart_runs_the_guests_own_command(
    server: Server, begin: Begin, tmp_path: Path
) -> None:
    """`guest-restart --wait` is a task that ends; the guest says itself down and up again."""
    guests = begin(1)
    (guest,) = guests.ids
    word, mark = tmp_path / "status", tmp_path / "restarted"
    word.write_text("CRASHED")
    restart = f"sh -c 'echo HEALTHY > {word}; echo restarted; touch {mark}'"
    guests.start(guest, "--restart-command", restart, "--status-command", f"cat {word}")
    guests.until(guest, state="down", agent="connected")
    done = run("guest-restart", guest, "--wait", "--json", env=client_env(server))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"
    assert mark.exists()
    guests.until(guest, state="up", agent="connected")
    shown = run("guest-diagnostics", guest, "--json", env=client_env(server))
    assert json.loads(shown.stdout)["agent"]["rpc_version"]


def test_an_evacuation_goes_on_after_kill_9(server: Server, begin: Begin) -> None:
    """A task is taken up where it was: every server leaves, each once, and the task is done."""
    count = 150
    begin(0)
    document: dict[str, Any] = {
        "hosts": [{"name": "old"}, {"name": "new"}],
        "servers": [
            {"id": f"s-{n}", "name": f"s-{n}", "project": "green", "host": "old"}
            for n in range(count)
        ],
    }
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    events = [{"time": "2026-01-02T03:04:05", "type": "compute.host.down"}]
    refused = server.call("POST", "/fault/v1/hosts/old/evacuate", {"targets": ["new"]})
    assert refused.status == 409
    down = [{**events[0], "details": {"hostname": "old"}}]
    assert server.call("POST", "/fault/v1/events", down).status == 202
    answer = server.call("POST", "/fault/v1/hosts/old/evacuate", {"targets": ["new"]})
    assert answer.status == 202, answer.text
    task = answer.json["task"]["id"]
    twice = server.call("POST", "/fault/v1/hosts/old/evacuate", {})
    assert twice.status == 409

    def moved() -> int:
        return len(server.get("/fault/v1/hosts/new")["host"]["servers"])

    wait_for(lambda: moved() >= 5, "some servers have left")
    server.kill9()
    server.start()

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = server.get(f"/fault/v1/tasks/{task}")["task"]
        return found

    wait_for(lambda: shown()["state"] not in {"queued", "running"}, "the task is over")
    assert moved() == count
    assert (shown()["state"], shown()["percent"], shown()["failed"]) == ("done", 100, 0)
    done = run("task-show", task, "--json", env=client_env(server))
    assert json.loads(done.stdout)["done"] == shown()["total"]


def test_a_restarted_server_finds_its_guests_again(server: Server, begin: Begin) -> None:
    """Guests come back by themselves; one that does not is down after the grace."""
    guests = begin(2)
    stays, goes = guests.ids
    guests.start(stays)
    gone = guests.start(goes)
    for guest in guests.ids:
        guests.until(guest, state="up", agent="connected")
    server.kill9()
    gone.kill()
    server.start()
    guests.until(stays, state="up", agent="connected")
    guests.until(goes, state="down", agent="lost")
    assert guests.shown(stays)["state"] == "up"


def test_troves_client_lists_and_shows(server: Server, begin: Begin) -> None:
    """python-troveclient and its plugin of `openstack` see guests as instances."""
    guests = begin(2)
    server.member("owner", "green")
    script = (
        "import sys\n"
        "from keystoneauth1 import loading, session\n"
        "from keystoneauth1.identity import v3\n"
        "from troveclient import client\n"
        "auth = v3.Password(auth_url=sys.argv[1] + '/identity/v3', username='owner',\n"
        "    password='word of owner', project_name='green', user_domain_id='default',\n"
        "    project_domain_id='default')\n"
        "trove = client.Client('1.0', session=session.Session(auth=auth))\n"
        "print([(one.id, one.status) for one in trove.instances.list()])\n"
        "print(trove.instances.get('guest-1').name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, server.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    listed, name = done.stdout.splitlines()
    assert listed == str([(one, "ACTIVE") for one in guests.ids])
    assert name == "guest-1"
    openstack = subprocess.run(
        [Path(sys.executable).with_name("openstack"), "database", "instance", "list",
         "--all-projects", "-f", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(**client_env(server), PYTHONWARNINGS="ignore"),
    )  # fmt: skip
    assert openstack.returncode == 0, openstack.stderr
    assert [row["ID"] for row in json.loads(openstack.stdout)] == guests.ids


def test_what_the_operator_sees_of_enrolment(server: Server, begin: Begin, tmp_path: Path) -> None:
    """`guest-enroll` writes 0600; an unknown guest is named; another guest's file is refused."""
    begin(2, enrolled=0)
    out = tmp_path / "written.json"
    done = run("guest-enroll", "guest-0", "--out", out, env=client_env(server))
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    unknown = run("guest-enroll", "nobody", "--out", tmp_path / "x", env=client_env(server))
    assert (unknown.returncode, "nobody" in unknown.stderr) == (1, True)
    other = run("guest-agent", "--instance", "guest-1", "--credential", out)
    assert (other.returncode, "guest-0" in other.stderr) == (1, True)
    listed = run("guest-list", "--json", env=client_env(server))
    assert [one["agent"]["state"] for one in json.loads(listed.stdout)] == ["never", "never"]
