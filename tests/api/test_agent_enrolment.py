"""Enrolment of agents, and what the face tells of them."""

from collections.abc import AsyncIterator

import pytest

from faultwire.domain.accounts import CredentialKind
from faultwire.faces.fault import agents as face
from faultwire.policy.enforcer import RULES
from tests.api.agent_stand import Stand, digest

HOST = "compute-1.example.org"


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A listener on a free port."""
    async with Stand() as one:
        yield one


async def test_enrolment_gives_a_credential_once(stand: Stand) -> None:
    """The answer is the content of the credential file; only the secret's digest is submitted."""
    headers = {"X-Auth-Token": "admin"}
    async with stand.http.post(stand.url(HOST, "enrol"), headers=headers) as answer:
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"
        shown = (await answer.json())["credential"]
    (command,) = stand.enrolled
    kept = command.credential
    assert shown.pop("secret") not in str(command)
    assert shown == {
        "kind": "agent",
        "name": HOST,
        "id": kept.id,
        "server": stand.server,
        "certificate": None,
    }
    assert (kept.kind, kept.name) == (CredentialKind.AGENT, HOST)
    assert command.actor.user == "u1"


async def test_each_enrolment_draws_another_secret(stand: Stand) -> None:
    """Two enrolments of one host share neither secret nor id, and the digests fit."""
    secrets = []
    for _ in range(2):
        headers = {"X-Auth-Token": "admin"}
        async with stand.http.post(stand.url(HOST, "enrol"), headers=headers) as answer:
            secrets.append((await answer.json())["credential"]["secret"])
    kept = [command.credential for command in stand.enrolled]
    assert [one.secret_sha256 for one in kept] == [digest(one) for one in secrets]
    assert len({*secrets, *(one.id for one in kept)}) == 4


@pytest.mark.parametrize(
    ("token", "host", "body", "status"),
    [
        (None, HOST, b"", 401),
        ("nobody", HOST, b"", 401),
        ("member", HOST, b"", 403),
        ("admin", "no%20host", b"", 400),
        ("admin", "h" * 256, b"", 400),
        ("admin", HOST, b'{"secret":"mine"}', 400),
        ("admin", HOST, b"{", 400),
        ("admin", HOST, b" " * 2000, 413),
        ("admin", HOST, b"{}", 201),
    ],
)
async def test_who_may_enrol_and_what(
    stand: Stand, token: str | None, host: str, body: bytes, status: int
) -> None:
    """Administrators only, host names only, and there is nothing to choose."""
    headers = {"X-Auth-Token": token} if token else {}
    url = stand.url(host, "enrol")
    async with stand.http.post(url, headers=headers, data=body or None) as answer:
        assert answer.status == status
        assert ("credential" in await answer.json()) is (status == 201)
    assert len(stand.enrolled) == (status == 201)


async def test_the_state_of_an_agent_is_shown(stand: Stand) -> None:
    """An administrator sees state, last sign of life and refused second sessions."""
    wire = await stand.meet(HOST)
    headers = {"X-Auth-Token": "admin"}
    url = stand.url(HOST, "x").removesuffix("/x")
    async with stand.http.get(url, headers=headers) as answer:
        assert await answer.json() == {
            "agent": {
                "host": HOST,
                "state": "connected",
                "seen_at": "2023-11-14T22:13:20.000000Z",
                "second_sessions": 0,
            }
        }
    async with stand.http.get(url + "-unknown", headers=headers) as answer:
        assert answer.status == 404
    async with stand.http.get(url, headers={"X-Auth-Token": "member"}) as answer:
        assert answer.status == 403
    await wire.close()


def test_the_rules_that_are_asked_exist() -> None:
    """Policy knows the rules of these routes."""
    assert {face.ENROL_RULE, face.SHOW_RULE} <= {rule.name for rule in RULES}
