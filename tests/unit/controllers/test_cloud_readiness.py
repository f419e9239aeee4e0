"""What each answer of a cloud means for its readiness, and the line that mends it."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from faultwire.controllers.openstack import readiness as r
from faultwire.domain.errors import Forbidden, NotFound, Unavailable
from faultwire.domain.findings import Finding, Level, status_of

SECOND = 1_000_000_000
NOON = 1_800_000_000 * SECOND
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
"""The same instant, cut to the second."""


def answer(document: Any = None, status: int = 200, **more: Any) -> r.Answer:
    """Return an answer with a document, or raw bytes."""
    raw = document if isinstance(document, bytes) else orjson.dumps(document)
    said = {"date": DATE, "asked_ns": NOON, "answered_ns": NOON + SECOND // 100, **more}
    return r.Answer("http://cloud/x", status, raw, **said)


PAGE = answer(b"<html>Horizon</html>")
BROKEN = answer(b'{"computeFault": 1}', 500)
NO_JSON = answer(b"OK")
DENIED = answer({"forbidden": {"message": "Policy doesn't allow it"}}, 403)
CATALOGUE = (("compute", "one", "http://n"), ("network", "one", "http://q"))
VERSION = {"version": {"min_version": "2.1", "version": "2.96"}}
HOST = {"OS-EXT-SRV-ATTR:host": "h1"}


def signed(**more: Any) -> r.SignedIn:
    """Return an account that is right, but for what is said."""
    said = {"ms": 5.0, "region": "one", "roles": ("admin",), "catalogue": CATALOGUE, **more}
    return r.SignedIn(**said)


def seen(**more: Any) -> r.BusSeen:
    """Return a bus that is right, but for what is said."""
    said = {"exchanges": ("nova", "neutron"), "waiting": 0, "readers": 1, **more}
    return r.BusSeen("rabbit://rabbit:5672/nova", **said)


RIGHT: list[tuple[Callable[[str, Any], Finding], Any]] = [
    (r.signing_in, signed()),
    (r.catalogue, signed()),
    (r.catalogue, signed(region="")),
    (r.registered, signed(catalogue=(("alarming", "one", "u"), ("rca", "one", "u")))),
    (r.endpoint, answer(VERSION)),
    (r.endpoint, answer({"versions": []}, 300)),
    (r.microversions, answer(VERSION)),
    (r.microversions, answer({"version": {"min_version": "2.1", "version": "2.60"}})),
    (r.services, answer({"services": [{"state": "up"}]})),
    (r.servers, answer({"servers": [HOST]})),
    (r.servers, answer({"servers": []})),
    (r.ports, answer({"ports": [{"binding:host_id": "h1"}]})),
    (r.forcing, answer({"itemNotFound": {}}, 404)),
    (r.extension, answer({"extension": {}})),
    (r.clock, [answer({}), answer({}, date="nonsense")]),
    (r.bus, seen()),
    (r.telling, r.Probed(True, True, 8)),
    (r.telling, r.Probed(True, None, 8)),
]

WARNED: list[tuple[Callable[[str, Any], Finding], Any, str]] = [
    (r.signing_in, signed(roles=("service",)), "os-resetState"),
    (r.registered, signed(), "faultwire register-endpoints"),
    (r.endpoint, answer(VERSION, answered_ns=NOON + 2 * SECOND), "slow"),
    (r.services, answer({"services": []}), "no nova-compute"),
    (r.services, answer({"services": [{"state": "down"}]}), "0 up"),
    (r.extension, answer({"NeutronError": {}}, 404), "extension_drivers"),
    (r.clock, [answer({}, date="")], "chronyc"),
    (r.clock, [answer({}, date="Fri, 15 Jan 2027 08:00:05 GMT")], "to be old"),
    (r.bus, None, "transport_url"),
    (r.bus, seen(exchanges=("nova",)), "neutron.conf"),
    (r.bus, seen(waiting=None, readers=None), "nobody listens"),
    (r.bus, seen(readers=0), "nobody reads it"),
    (r.telling, None, "--probe"),
    (r.telling, r.Probed(None, None, 8), "no compute up"),
]

FAILED: list[tuple[Callable[[str, Any], Finding], Any, str]] = [
    (r.signing_in, signed(roles=("member",)), "openstack role add"),
    (r.catalogue, signed(catalogue=()), "project_name"),
    (r.catalogue, signed(region="two"), "there are the regions one"),
    (r.catalogue, signed(catalogue=CATALOGUE[:1]), "no network in region one"),
    (r.endpoint, PAGE, "web page"),
    (r.endpoint, BROKEN, "answers 500"),
    (r.endpoint, NO_JSON, "without JSON"),
    (r.microversions, PAGE, "web page"),
    (r.microversions, answer({"version": {"id": "v2.0"}}), "names no microversions"),
    (r.microversions, answer({"version": []}), "names no microversions"),
    (r.microversions, answer({"version": {"version": "2.52", "min_version": "2.1"}}), "2.53"),
    (r.services, DENIED, "os_compute_api:os-services:list"),
    (r.services, BROKEN, "answers 500"),
    (r.services, answer({"services": 5}), "not a list"),
    (r.servers, DENIED, "get_all_tenants"),
    (r.servers, answer({"servers": [{"id": "x"}]}), "os-extended-server-attributes"),
    (r.ports, answer({"ports": [{"id": "x"}]}), "get_port:binding:host_id"),
    (r.ports, DENIED, "get_port"),
    (r.forcing, DENIED, "os_compute_api:os-services:update"),
    (r.forcing, PAGE, "web page"),
    (r.extension, PAGE, "web page"),
    (r.clock, [answer({}), answer({}, date="Fri, 15 Jan 2027 07:00:00 GMT")], "misjudged"),
    (r.bus, seen(exchanges=()), "no exchange nova"),
    (r.telling, r.Probed(False, True, 8), "notification_format = both"),
    (r.telling, r.Probed(True, False, 8), "# neutron.conf"),
]


@pytest.mark.parametrize(("judge", "fact"), RIGHT)
def test_what_is_right_is_ok(judge: Callable[[str, Any], Finding], fact: Any) -> None:
    """A right answer has nothing to mend."""
    found = judge("check", fact)
    assert (found.level, found.mend) == (Level.OK, ()), found


@pytest.mark.parametrize(
    ("level", "judge", "fact", "named"),
    [(Level.WARN, *one) for one in WARNED] + [(Level.FAIL, *one) for one in FAILED],
)
def test_what_is_wrong_is_named_with_what_mends_it(
    level: Level, judge: Callable[[str, Any], Finding], fact: Any, named: str
) -> None:
    """Each wrong answer has its level, its words and its line."""
    found = judge("check", fact)
    assert found.level is level, found
    assert found.mend
    assert named in "\n".join((found.text, *found.mend))


def test_what_could_not_be_asked_is_a_failure_too() -> None:
    """A refusal, silence and a service that the catalogue lacks are told apart."""
    assert "token issue" in r.unasked("c", Forbidden("no")).mend[1]
    assert r.unasked("c", Unavailable("x", "not there")).text == "no answer: not there"
    assert r.unasked("c", NotFound("no compute"), "do this").mend == ("do this",)


def test_a_terminal_is_not_spoken_to_by_an_answer() -> None:
    """What a hostile service says is shown without its control characters."""
    found = r.endpoint("c", answer(b"<\x1b[2J" + b"x" * 10_000, 502))
    assert "\x1b" not in found.text
    assert len(found.text) < 400


def test_the_gravest_finding_is_the_exit_status() -> None:
    """0, 1 and 2."""
    fine, warned, failed = r.ok("c", ""), r.warn("c", ""), r.fail("c", "")
    assert [status_of(one) for one in ((), (fine,), (fine, warned), (failed, warned))] == [
        0, 0, 1, 2,
    ]  # fmt: skip


def test_an_offset_has_its_error() -> None:
    """A Date is cut to the second: half a second and half of the way are not known."""
    assert r.offset_ms(answer({}, answered_ns=NOON)) == (500.0, 500.0)
    assert r.offset_ms(answer({}, answered_ns=NOON + SECOND)) == (0.0, 1000.0)
    assert r.offset_ms(answer({}, date="Fri, 15 Jan 2027 08:00:00")) is None
