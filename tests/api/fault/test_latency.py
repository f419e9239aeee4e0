"""The standing figures over the API."""

import pytest

from tests.api.cloud import Cloud


async def test_an_administrator_sees_how_long_each_span_took(cloud: Cloud) -> None:
    """The window is answered as it is; unknown parameters are refused."""
    answer = await cloud.call("GET", "/fault/v1/latency")
    assert answer.status_code == 200
    assert set(answer.json()) == {"latency"}
    wrong = await cloud.call("GET", "/fault/v1/latency?since=now")
    assert wrong.status_code == 400
    assert "since" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("service", 403), ("", 401)])
async def test_nobody_else_does(cloud: Cloud, who: str, status: int) -> None:
    """Without a token it is 401; an owner and a monitor get 403."""
    answer = await cloud.call("GET", "/fault/v1/latency", who)
    assert answer.status_code == status
